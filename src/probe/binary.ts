import type { Address, FileOffset } from '#base';
import type {
  Architecture,
  CapturedAtEntry,
  CgoCallback,
  Closure,
  DeclaredFunction,
  DecodedCode,
  DynamicType,
  FunctionLookup,
  FunctionSet,
  GoField,
  GoFunction,
  GoSignature,
  GoType,
  InlinedCopy,
  Instantiation,
  LineSpots,
  RuntimeOffsets,
  TypeRef,
  VariableLookup,
} from '#gobin';

export type { Architecture } from '#gobin';

/** What the resolver asks of a Go binary: the part of `GoBinary` that it uses, so that tests can hand in plain data. */
export interface BinaryView {
  /** Left out: it has. */
  readonly hasDebugInfo?: boolean;
  findFunction(name: string): FunctionLookup;
  /** Undefined: the text names one function. Left out: every text does. */
  selectFunctions?(text: string): FunctionSet | undefined;
  /** Left out: inlined copies are not known of. */
  inlinedCopies?(name: string): readonly InlinedCopy[];
  /** As `GoBinary.pointerWrapper`. Left out: there is none. */
  pointerWrapper?(name: string): GoFunction | undefined;
  /** Undefined: without debug info. Left out: lines are not known of. */
  line?(file: string, line: number): LineSpots | undefined;
  signature(fn: GoFunction): GoSignature;
  /** Parameters that debug info has elsewhere at the entry than the calling convention. Left out: none are known. */
  contested?(fn: GoFunction): readonly string[];
  /** What the calls of a shape function may be, by dictionary. Left out: that is not known. */
  instantiations?(fn: GoFunction): readonly Instantiation[];
  /** Places of what a script declares; a text says why that cannot be this function's. Left out: nothing can be declared. */
  placeDeclared?(fn: GoFunction, declared: DeclaredFunction): GoSignature | string;
  readonly declaredTypes?: {
    /** A type that no descriptor is of. */
    make(type: GoType): TypeRef;
    /** One that is made when it is asked for. */
    later(make: () => GoType): TypeRef;
    /** By its name with its package's path or the last part of it; undefined: no descriptor has it. */
    named(name: string): TypeRef | undefined;
    /** The types that a name with the last part of a path may stand for, with whole paths. */
    namesakes(name: string): readonly string[];
  };
  type(ref: TypeRef): GoType;
  /** A field of a struct of the runtime, from debug info. */
  structField?(type: string, field: string): GoField | undefined;
  /** Offsets in the runtime's structs, from debug info or by the Go version. */
  readonly runtime?: RuntimeOffsets;
  /** The types that values in interfaces may have; without, what they hold is not looked into. */
  dynamicTypes?(): readonly DynamicType[];
  /** By its package's import path, or the last element of that; without, there are none. */
  packageVariable?(path: string, name: string): VariableLookup;
  /** Names of the constants of a named integer type, by value; without, the numbers alone are shown. */
  constants?(type: TypeRef): ReadonlyMap<string, string> | undefined;
  /** Functions with captured variables, of these packages at least; without, funcs are shown by name alone. */
  closures?(packages: readonly string[]): readonly Closure[];
  /** What a closure has captured, at its entry. */
  captured?(fn: GoFunction): CapturedAtEntry | undefined;
}

/** What all stages together ask. */
export interface CompilableBinary extends BinaryView {
  readonly architecture: Architecture;
  readonly runtime: RuntimeOffsets;
  /** By its exact name; undefined for none. */
  functionNamed(name: string): GoFunction | undefined;
  functionAt?(at: Address): GoFunction | undefined;
  /** Left out: C does not call Go. */
  readonly cgoCallback?: CgoCallback | undefined;
  /** The function's code in the file, decoded. */
  code(fn: GoFunction): DecodedCode;
  /** Undefined for an address that does not come from the file. */
  fileOffset(address: Address): FileOffset | undefined;
  /** Reads bytes of the file at an address (every byte of them has a `fileOffset`), for switch tables. */
  readonly elf?: { read(address: Address, length: number): Uint8Array };
}
