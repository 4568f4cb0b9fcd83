export {
  type Column,
  type ColumnType,
  columnTypes,
  implicitColumns,
  type Relation,
  type SemanticType,
  sameRelation,
} from './column.ts';
export {
  chunkHeader,
  chunkHeaderSize,
  type EventKind,
  type EventLayout,
  eventKinds,
  floatStatus,
  type Hole,
  header,
  headerFlags,
  headerSize,
  type Slot,
  seenWords,
  slotStatus,
  type WalkLayout,
  walkCut,
  walkState,
  walkStateSize,
} from './event.ts';
export {
  type CaptureLimit,
  type CaptureLimits,
  captureLimits,
  defaultLimits,
  limitSettings,
  limitText,
  mostReferences,
} from './limits.ts';
export {
  type ColumnData,
  type ColumnValues,
  GrowingColumn,
  type RowBatch,
  RowBatchBuilder,
  type StringValues,
} from './rowbatch.ts';
export {
  type Capture,
  type CaptureColumn,
  type LogicalProbe,
  type LogicalTracepoint,
  type Outcome,
  outcomes,
  type PodSelector,
  type ProcessSelector,
  type ProcessTracepoint,
  type Target,
  type TracepointState,
} from './tracepoint.ts';
export { formatUpid, formatUuid, parseUpid, parseUuid, type Upid, upidFromWords, upidWords } from './upid.ts';
