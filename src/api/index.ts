export { decodeBatch, encodeBatch, endOfTable, textAt } from './batch.ts';
export { type CallParts, callColumns } from './calls.ts';
export * as cloud from './generated/cloudapi.ts';
export { apiFingerprint } from './generated/fingerprint.ts';
export * as otlp from './generated/otlp.ts';
export * as sonde from './generated/sonde.ts';
export * as vizier from './generated/vizierapi.ts';
export { completeNotes, notesColumn, withNotesColumn, withNotesRelation } from './notes.ts';
export { type Audience, BadMessage, decodeRelation, encodeRelation, wireType } from './relation.ts';
export {
  type GrpcMethod,
  type GrpcService,
  grpcService,
  type MessageType,
  type MethodDefinition,
  type RequestOf,
  type ResponseOf,
  type ServiceDefinition,
} from './service.ts';
export { type BatchLimits, sliceBatch, splitBatch } from './split.ts';
