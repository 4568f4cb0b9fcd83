export { TypeGraphBuilder, type TypeSource } from './build.ts';
export { contextValueDepth, followed } from './followed.ts';
export {
  defaultRedaction,
  type Holds,
  hiddenWords,
  holds,
  namesSecret,
  Redaction,
  type RedactionRules,
} from './redaction.ts';
export {
  codeTarget,
  dynamicKeyBytes,
  dynamicValueBytes,
  entryBytes,
  entryField,
  isByte,
  reference,
  swissParts,
  type TypeTable,
  type WalkNeed,
} from './table.ts';
export {
  directPart,
  type GraphField,
  type GraphType,
  isDirect,
  type RuntimeRole,
  type TypeGraph,
} from './types.ts';
