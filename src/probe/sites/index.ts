export { chooseSites, type SiteContext, type SiteWants } from './choose.ts';
export { type CopyPlace, CopySites, type StackStart } from './copies.ts';
export { classifyArm64 } from './kernel-arm64.ts';
export { classifyX86 } from './kernel-x86.ts';
export { type LinePlace, linePlaces } from './lines.ts';
export { chooseRuntimeSites, type FunctionCode, type RuntimeSites, runtimeProbes } from './runtime.ts';
export { allIntact, type Intact, intactFor, withCallers } from './wants.ts';
