export * from './constants.ts';
export { type ErrnoName, errno, errnoName } from './errno.ts';
export { failedWith, SyscallFailed } from './failed.ts';
export { FakeSys } from './fake.ts';
export { FakeRing } from './fake-ring.ts';
export { Fd } from './fd.ts';
export { type Capability, capabilities, missingCapabilities } from './proc/capability.ts';
export { inFirstUserNamespace, readSecurityProfile } from './proc/confinement.ts';
export { type ContainerId, parseContainerId, readCgroups, readContainerId } from './proc/container.ts';
export { releaseFilePages } from './proc/file-pages.ts';
export {
  readBootId,
  readCpus,
  readKernelRelease,
  readLockdown,
  readMachineId,
  readUptime,
  ticksPerSecond,
} from './proc/host.ts';
export { addressOfOffset, mappingsOf, type ProcessMapping, parseMaps, readMaps } from './proc/maps.ts';
export { openProcessMemory, ProcessMemory, readProcessBytes } from './proc/memory.ts';
export { type MemoryRoom, readMemoryRoom } from './proc/memory-room.ts';
export {
  type ExecutableLink,
  executableStatus,
  isFirstPidNamespace,
  listPids,
  type NamespaceId,
  type ProcessStat,
  type ProcessStatus,
  parseStat,
  parseStatus,
  readCommandLine,
  readExecutableLink,
  readNamespace,
  readProcessStat,
  readProcessStatus,
} from './proc/process.ts';
export { findTracer, type Tracer } from './proc/tracer.ts';
export { openSys } from './real.ts';
export { cString, Struct } from './struct.ts';
export type { FileStatus, Mapping, NativeThread, PeerCredentials, Readiness, Sys } from './sys.ts';
