import { type Address, type FileOffset, SondeError } from '#base';
import type { ByteSource, Elf, Inflate } from '#elf';
import type { Architecture } from './abi.ts';
import type { BuildInfo } from './buildinfo.ts';
import type { CgoCallback } from './cgo-callback.ts';
import type { DeclaredFunction } from './declared.ts';
import type { Descriptors } from './descriptors.ts';
import type { VariableLookup } from './package-variables.ts';
import type { Pclntab } from './pclntab.ts';
import type { TypeNames } from './type-names.ts';
import type {
  CapturedAtEntry,
  Closure,
  DecodeCode,
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
  SourceLine,
  TypeRef,
} from './types.ts';

export interface OpenOptions {
  readonly inflate: Inflate;
  /** Decodes x86-64 (`createX86Decoder`); arm64 is decoded by this part itself. */
  readonly decode: DecodeCode;
  /** What `exportIndex` gave for this binary; anything else is ignored. Needs `inflate.rawPrefix`. */
  readonly index?: Uint8Array;
  /** A file with the debug info that this one lacks: an unstripped build, or what a linker's or distributor's tools have split off. */
  readonly debugFile?: ByteSource;
}

/** The file is ELF, but no Go program: it has neither build info nor a function table. */
export class NotGo extends SondeError {
  readonly code = 'gobin.not-go';

  constructor() {
    super('not a Go binary: there is no Go build info and no Go function table in it');
  }
}

/** A Go executable, read as far as it was asked about. Addresses are the file's own (in a PIE process: plus its load bias). */
export interface GoBinary {
  readonly elf: Elf;
  readonly architecture: Architecture;
  readonly pie: boolean;
  /** GNU build id in hexadecimal, else Go's; empty when the file has neither. */
  readonly buildId: string;
  /** `go1.26.8`; empty when unknown. */
  readonly goVersion: string;
  readonly buildInfo: BuildInfo | undefined;
  readonly hasSymbolTable: boolean;
  /** In the file itself, or beside it. */
  readonly hasDebugInfo: boolean;
  /** All functions that have code, by address. */
  functions(): Iterable<GoFunction>;
  /** By name: exact, without type arguments, or by a unique suffix (`computeE`, `Server).Handle`). */
  findFunction(name: string): FunctionLookup;
  /**
   * What a text stands for that is more than one function's name: a pattern (`functionPattern`), or a generic function without type
   * arguments that has several instances, or one that is inlined everywhere. Undefined: it names one function, or none. Throws BadPattern.
   */
  selectFunctions(text: string): FunctionSet | undefined;
  /** The inlined copies of the function of exactly that name; without debug info nothing is known of their parameters. */
  inlinedCopies(name: string): readonly InlinedCopy[];
  /** `main.(*T).M`, which the compiler has made of a method of values and which has its code in itself: each of its calls is one of the method. */
  pointerWrapper(name: string): GoFunction | undefined;
  /** The places of a line, by any suffix of its file's path that only one file has. Undefined without debug info. */
  line(file: string, line: number): LineSpots | undefined;
  /** By its exact name in the function table, body before ABI wrapper: cheap, reads no debug info. */
  functionNamed(name: string): GoFunction | undefined;
  functionAt(at: Address): GoFunction | undefined;
  /** Never throws for want of debug info: then `unknown` says so. */
  signature(fn: GoFunction): GoSignature;
  /** Parameters that debug info has elsewhere at the entry than the calling convention, which is what holds there: by name. Reads location lists. */
  contested(fn: GoFunction): readonly string[];
  /** Of a function that is compiled for type shapes: what its calls may be, by dictionary. None without debug info or symbol table. */
  instantiations(fn: GoFunction): readonly Instantiation[];
  /** Places of parameters and results that somebody has declared, by the calling convention; a text says why they cannot be those of this function. */
  placeDeclared(fn: GoFunction, declared: DeclaredFunction): GoSignature | string;
  /** Types for declarations: by name those that the binary has descriptors of, others made up. */
  readonly declaredTypes: Pick<Descriptors, 'make' | 'later'> & Pick<TypeNames, 'named' | 'namesakes'>;
  /** Where it is declared. */
  sourceLine(fn: GoFunction): SourceLine | undefined;
  /** Address of a symbol of the linker: none in a stripped file without debug file. */
  symbol(name: string): Address | undefined;
  /** Throws MalformedDwarf for a reference that no signature or type gave. */
  type(ref: TypeRef): GoType;
  /**
   * The types that values in interfaces may have, those first that the linker knows to be in some interface other than `any`: as debug info
   * has them, else as their descriptors do; without debug info also those that other descriptors lead to.
   */
  dynamicTypes(): readonly DynamicType[];
  /** A package-level variable; `no-package` without debug info. */
  packageVariable(path: string, name: string): VariableLookup;
  /** Names of the constants of a named integer type, by value in decimal; undefined where debug info has none, and for types that only their descriptors tell of. */
  constants(type: TypeRef): ReadonlyMap<string, string> | undefined;
  /** Functions with captured variables (Go 1.23 and later), of the whole program or, where that is large, of main and of these packages. */
  closures(packages: readonly string[]): readonly Closure[];
  /** What a closure has captured, at its entry; undefined: it is none, or debug info does not tell (Go ≥ 1.23 does). */
  captured(fn: GoFunction): CapturedAtEntry | undefined;
  /** Name of the type whose descriptor is at an address, with or without debug info; undefined where there is none. */
  descriptorName(at: Address): string | undefined;
  code(fn: GoFunction): DecodedCode;
  fileOffset(at: Address): FileOffset | undefined;
  /** Field of a struct of the runtime, out of debug info: `structField('runtime.g', 'goid')`. */
  structField(type: string, field: string): GoField | undefined;
  /** Offsets of `goid` and the like: from debug info, else from a table by Go version. */
  readonly runtime: RuntimeOffsets;
  /** Of the slice `runtime.allgs`: from the symbol table, else as code of the runtime's has it; undefined where neither tells. */
  readonly allgs: Address | undefined;
  /** How the stack of a goroutine goes on below a call from C; undefined: C cannot call Go, or it is not known. */
  readonly cgoCallback: CgoCallback | undefined;
  /** The runtime's own function table; undefined where the file has none that can be read. */
  readonly functionTable: Pclntab | undefined;
  /**
   * An index to be kept by build id: the next `openGoBinary` of this binary finds functions with it in a fraction of the time. Reads
   * all of the debug info (about 0.3 s CPU for a binary of 150 MB), about 3 % of the binary's size. Undefined where one would not
   * help: no debug info, or none that is compressed with zlib.
   */
  exportIndex(): Uint8Array | undefined;
  /** Forgets unpacked sections and what was read of them; the next question reads them again. */
  release(): void;
}
