export {
  type Access,
  type Caller,
  clientName,
  first,
  guard,
  OpenCalls,
  type Role,
  requireRole,
  roles,
} from './access.ts';
export {
  askedToResume,
  grpcCode,
  noSuchTracepoint,
  type Response,
  requireScript,
  type Send,
  statusOf,
} from './answer.ts';
export { type CallHost, callHandlers, type StreamCall, type StreamHandler, type UnaryHandler } from './calls.ts';
export {
  type Authority,
  issueIdentity,
  makeAuthority,
  makeServerIdentity,
  type ServerIdentity,
} from './certificate.ts';
export { Deliveries, type Resumption } from './delivery.ts';
export { doorOptions, NetworkDoor } from './door.ts';
export { type Seal, sealFor } from './encryption.ts';
export { atTarget, CallRefused, explain, MachineError, type Script, UserError } from './errors.ts';
export { ownHosts } from './own-hosts.ts';
export { type Changes, type Deletion, type Holder, type Placed, type Placement, Rollouts } from './rollout.ts';
export { type RowSink, sendTable, type Table, TableSender } from './rows.ts';
export {
  isTokenRecord,
  makeToken,
  type TokenRecord,
  type TokenRequest,
  tokenDeath,
  tokenHash,
  tokenInfo,
  tokenState,
} from './token-record.ts';
export {
  bindingCommands,
  clusterTokenName,
  fromSecret,
  subjectOf,
  tokenLabel,
  tokenNamespace,
  toSecret,
} from './token-secret.ts';
export { type TokenDoor, Tokens } from './tokens.ts';
