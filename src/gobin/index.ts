export { type AbiAssignment, type Architecture, abiRegisters, assignAbi, UnassignableType } from './abi.ts';
export { decodeArm64 } from './arm64.ts';
export { type BuildInfo, readBuildInfo } from './buildinfo.ts';
export type { CgoCallback } from './cgo-callback.ts';
export { OtherDebugFile } from './debug-file.ts';
export type { DeclaredFunction, DeclaredVariable } from './declared.ts';
export { fieldsAt } from './fields.ts';
export { dominators, type FlowGraph, flowGraph, nearestCommon } from './flow-graph.ts';
export { formatSignature } from './format.ts';
export { type GoBinary, NotGo, type OpenOptions } from './go-binary.ts';
export { type Goroutine, type GoroutineOffsets, goroutines, type ReadMemory } from './goroutines.ts';
export { TypeReader } from './gotypes.ts';
export { isClosure, receiverOf, typeArgumentsIn, withoutShapes, withoutTypeArguments } from './names.ts';
export { openGoBinary } from './open.ts';
export { openPclntab } from './open-pclntab.ts';
export type { PackageVariable, VariableLookup } from './package-variables.ts';
export { BadPattern, functionPattern } from './pattern.ts';
export { MalformedPclntab, Pclntab, type PclntabLayout, UnknownPclntab } from './pclntab.ts';
export { findTlsG, minorVersion, type RuntimeInput, runtimeOffsets, tlsFunctions } from './runtime.ts';
export { structOf } from './runtime-structs.ts';
export { analyse, type CodeShape, indexAt, type ShapeInput } from './shape.ts';
export {
  type CapturedAtEntry,
  type CapturedVariable,
  type Closure,
  type CodeRange,
  type Continued,
  type DecodeCode,
  type DecodedCode,
  type DictionaryPlace,
  type DynamicType,
  type FunctionLookup,
  type FunctionSet,
  flow,
  type GoField,
  type GoFunction,
  type GoSignature,
  type GoType,
  type GoVariable,
  type InlinedCopy,
  type Instantiation,
  type InstructionClass,
  type InstructionRole,
  type LineSpot,
  type LineSpots,
  type Location,
  type Place,
  type PlaceVariables,
  type PrefixEffects,
  type RuntimeOffsets,
  type SourceLine,
  type Stretch,
  stackLocation,
  type Trust,
  type TypeRef,
} from './types.ts';
export { ValueFlow } from './value-flow.ts';
export { isWhole } from './variables.ts';
export { createX86Decoder, createX86Formatter, type IcedX86 } from './x86.ts';
