export { TypeGraphBuilder, type TypeSource } from './build.ts';
export { dynamicKeyBytes, dynamicValueBytes, entryBytes, entryField, reference } from './entries.ts';
export { contextValueDepth, followed } from './followed.ts';
export type { WalkNeed } from './need.ts';
export {
  defaultRedaction,
  type Holds,
  hiddenWords,
  holds,
  namesSecret,
  Redaction,
  type RedactionRules,
} from './redaction.ts';
export { isByte } from './references.ts';
export { swissParts } from './runtime-references.ts';
export { codeTarget, type TypeTable } from './table.ts';
export {
  directPart,
  type GraphField,
  type GraphType,
  type RuntimeRole,
  type TypeGraph,
} from './types.ts';
