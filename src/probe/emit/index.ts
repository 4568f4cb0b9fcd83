export { checkReservations, checkStack } from './check.ts';
export {
  allDropsOffset,
  controlOffset,
  estimateOffset,
  unwindDropsOffset,
  waitedNsOffset,
  wokenOffset,
} from './control.ts';
export { type FloatTrialMap, floatTrialProgram } from './floats.ts';
export { mapNames } from './frame.ts';
export { groupEntryProgram, groupReturnProgram } from './group.ts';
export { type GroupSizes, groupSizes, tooLarge } from './group-sizes.ts';
export { type Machine, machine } from './machine.ts';
export { callMaps, groupMaps, isTracked, selectionMaps, tracepointMaps, withinTables } from './maps.ts';
export {
  type EmitContext,
  entryProgram,
  goexitProgram,
  type Keeping,
  type ProgramOptions,
  panicProgram,
  recoveryProgram,
  returnProgram,
  wantsFloats,
} from './program.ts';
export { type FrameBytes, mostCookieProbes, type ProbeNumber, siteCookie } from './record.ts';
