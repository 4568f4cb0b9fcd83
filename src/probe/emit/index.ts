export { checkReservations, checkStack } from './check.ts';
export { type FloatTrialMap, floatTrialProgram } from './floats.ts';
export { mapNames } from './frame.ts';
export { type Machine, machine } from './machine.ts';
export { controlOffset, estimateOffset, floatNsOffset, tracepointMaps, unwindDropsOffset } from './maps.ts';
export {
  type EmitContext,
  entryProgram,
  goexitProgram,
  type ProgramOptions,
  recoveryProgram,
  returnProgram,
  wantsFloats,
} from './program.ts';
export { mostCookieProbes, type ProbeNumber, siteCookie } from './record.ts';
