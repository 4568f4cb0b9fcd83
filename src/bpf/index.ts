export { attachUprobes } from './attach.ts';
export { mostPerfSites } from './attach-perf.ts';
export {
  AllSitesRefused,
  type AttachSite,
  type AttachTarget,
  type RefusedSite,
  TooManySites,
  type UprobeAttachment,
} from './attachment.ts';
export { BadBtf, Btf, readKernelBtf } from './btf.ts';
export { type CalibrateOptions, calibrate, type HitCost, type LatencyFloor } from './calibrate.ts';
export { type ExecEvent, ExecWatch } from './exec.ts';
export { type Feature, type KernelFeatures, kernelFeatures } from './features.ts';
export { type FloatState, type FloatsFound, type FloatTrials, findFloats, floatTrial, NoFloats } from './floats.ts';
export { Kickers, kicksName } from './kickers.ts';
export { BpfMap, makeMap, objectName } from './map.ts';
export { BpfProgram, type LoadOptions, loadProgram, VerifierRejected } from './program.ts';
export { type OnRecord, openRingBuffer, RingBuffer } from './ring.ts';
export { openRunTimeStats, runTimeNs } from './run-time.ts';
export {
  type CheckedSite,
  type CheckTarget,
  checkSites,
  type SiteBytes,
  type SiteState,
  unarmedSites,
} from './verify.ts';
