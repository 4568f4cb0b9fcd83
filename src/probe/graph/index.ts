export { TypeGraphBuilder, type TypeSource } from './build.ts';
export { defaultRedaction, hiddenWords, holdsWord, Redaction, type RedactionRules } from './redaction.ts';
export {
  contextValueDepth,
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
