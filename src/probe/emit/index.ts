export { checkReservations } from './check.ts';
export { mapNames } from './frame.ts';
export { type Machine, machine } from './machine.ts';
export { controlOffset, tracepointMaps, unwindDropsOffset } from './maps.ts';
export { type EmitContext, entryProgram, goexitProgram, recoveryProgram, returnProgram } from './program.ts';
