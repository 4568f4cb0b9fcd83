import { type Address, address, type FileOffset, nearest, SondeError } from '#base';
import { openDwarf } from '#dwarf';
import { type ByteSource, type Elf, findInflatePoints, type Inflate, openElf, packing } from '#elf';
import { type Architecture, abiRegisters } from './abi.ts';
import { decodeArm64 } from './arm64.ts';
import { type BuildInfo, readBuildInfo } from './buildinfo.ts';
import { type CodeReader, findClosures, findMethodValues } from './closures.ts';
import { debugFileTrust } from './debug-file.ts';
import { DebugInfo } from './debuginfo.ts';
import { type DeclaredFunction, placeDeclared } from './declared.ts';
import { Descriptors } from './descriptors.ts';
import { findDynamicTypes } from './dynamic-types.ts';
import { buildIndex, type FunctionIndex, readIndex, writeIndex } from './function-index.ts';
import { Handovers } from './handovers.ts';
import { implementations } from './implementations.ts';
import { type Dictionaries, dictionaryInClosure, findDictionaries, instantiationsOf } from './instantiations.ts';
import { findLine } from './lines.ts';
import { findFunction } from './lookup.ts';
import { hasDictionary, isShapeClosure, receiverOf } from './names.ts';
import { openPclntab } from './open-pclntab.ts';
import { findPackageVariable, type VariableLookup } from './package-variables.ts';
import { isSourceName, parametersInOrder } from './parameters.ts';
import { functionPattern } from './pattern.ts';
import type { Pclntab } from './pclntab.ts';
import { findTlsG, runtimeOffsets, tlsFunctions } from './runtime.ts';
import { instancesOf, type SelectInput, selectFunctions } from './select.ts';
import { contestedParameters, listingOf, type SignatureInput, signatureOf } from './signature.ts';
import type {
  Closure,
  DecodeCode,
  DecodedCode,
  DictionaryPlace,
  DynamicType,
  FunctionLookup,
  FunctionSet,
  GoField,
  GoFunction,
  GoSignature,
  GoType,
  InlinedCopy,
  Instantiation,
  LineSpot,
  LineSpots,
  RuntimeOffsets,
  SourceLine,
  TypeRef,
} from './types.ts';
import { variablesAt } from './variables.ts';

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
  /** The inlined copies of the function of exactly that name; none without debug info. */
  inlinedCopies(name: string): readonly InlinedCopy[];
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
  readonly declaredTypes: Pick<Descriptors, 'make' | 'named'>;
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
  /** Name of the type whose descriptor is at an address, with or without debug info; undefined where there is none. */
  descriptorName(at: Address): string | undefined;
  code(fn: GoFunction): DecodedCode;
  fileOffset(at: Address): FileOffset | undefined;
  /** Field of a struct of the runtime, out of debug info: `structField('runtime.g', 'goid')`. */
  structField(type: string, field: string): GoField | undefined;
  /** Offsets of `goid` and the like: from debug info, else from a table by Go version. */
  readonly runtime: RuntimeOffsets;
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

const noDebugInfo = 'the binary has no debug info';

/** Bytes of debug info between the places where an index lets decompression begin. */
const indexSpacing = 1 << 19;

/** Opens a Go executable. Throws the errors of `openElf`, NotGo, and OtherDebugFile. */
export function openGoBinary(source: ByteSource, options: OpenOptions): GoBinary {
  const elf = openElf(source, options.inflate);
  const architecture: Architecture = elf.machine === 'arm64' ? 'arm64' : 'amd64';
  const buildInfo = readBuildInfo(elf);
  if (buildInfo === undefined && !elf.header('.gopclntab') && !elf.header('.data.rel.ro.gopclntab')) throw new NotGo();

  let debug: DebugInfo | undefined;
  let pclntab: Pclntab | undefined;
  let descriptors: Descriptors | undefined;
  const described = (): Descriptors => (descriptors ??= new Descriptors(elf, buildInfo?.goVersion ?? ''));
  const debugElf = options.debugFile === undefined ? elf : openElf(options.debugFile, options.inflate);
  const trust = debugElf === elf ? 'image' : debugFileTrust(elf, debugElf);
  const symbols = () => elf.symbols() ?? (trust === 'image' ? debugElf.symbols() : undefined);
  const hasDebugInfo = debugElf.header('.debug_info') !== undefined;
  const buildId = elf.gnuBuildId ?? elf.goBuildId ?? '';
  const identity = `${buildId} ${source.size}`;
  let given: FunctionIndex | undefined;
  let usable = options.index !== undefined && debugElf === elf && options.inflate.rawPrefix !== undefined;
  const index = (): FunctionIndex | undefined => {
    if (!usable) return undefined;
    given ??= readIndex(options.index!);
    usable = given?.identity === identity;
    return usable ? given : undefined;
  };
  const debugInfo = (): DebugInfo | undefined => {
    if (debug || !hasDebugInfo) return debug;
    const dwarf = openDwarf(
      (name) => debugElf.window(name, name === '.debug_info' ? index()?.points : undefined),
      index()?.units,
    );
    return (debug = dwarf && new DebugInfo(dwarf, index()));
  };
  /** An index that leads nowhere is dropped, and the question asked again without. */
  const guarded = <T>(ask: () => T): T => {
    try {
      return ask();
    } catch (error) {
      if (!(error instanceof SondeError) || index() === undefined) throw error;
      usable = false;
      debug = undefined;
      elf.release('.debug_info');
      return ask();
    }
  };
  /** Of `.text` in parts, where it is a function of that. */
  const codeBytes = ({ entry, end }: Pick<GoFunction, 'entry' | 'end'>): Uint8Array => {
    const text = elf.header('.text');
    const window = text && entry >= text.address && end <= text.address + text.size ? elf.window('.text') : undefined;
    if (window === undefined) return elf.read(entry, end - entry);
    const from = entry - text!.address;
    window.need(from, end - text!.address);
    return window.bytes.subarray(from, end - text!.address);
  };
  const table = (): Pclntab | undefined => (pclntab ??= openPclntab(elf));

  /** Everything on the stack: assembly, and compilers without register arguments (arm64 before Go 1.18). */
  const stackOnly = (fn: GoFunction, producer: string): boolean =>
    fn.assembly || (producer !== '' && !producer.includes('regabi'));

  let offsets: RuntimeOffsets | undefined;
  const tlsG = (): number | undefined => {
    if (architecture !== 'amd64') return undefined;
    for (const name of tlsFunctions) {
      const info = debugInfo();
      const found =
        info?.find(name) ??
        table()
          ?.findByName(name)
          .map((index) => table()!.function(index)) ??
        [];
      for (const { entry, end } of found) {
        const offset = findTlsG(elf.read(entry, end - entry));
        if (offset !== undefined) return offset;
      }
    }
    return undefined;
  };

  /** A text: why nothing is known. */
  const signatureInput = (fn: GoFunction): SignatureInput | string => {
    const info = debugInfo();
    if (info === undefined) return noDebugInfo;
    const subprogram = info.subprogram(fn.entry);
    if (subprogram === undefined) return 'debug info does not know this function';
    if (fn.assembly) return 'an assembly function: debug info does not tell its parameters';
    const { producer } = info.dwarf.root(info.dwarf.unitAt(subprogram.die.offset));
    const functions = table();
    const index = functions?.findByPc(fn.entry) ?? -1;
    return {
      architecture,
      subprogram,
      entry: fn.entry,
      stackOnly: stackOnly(fn, producer),
      listing: listingOf(producer),
      frameBytes: index < 0 ? undefined : functions!.argumentBytes(index),
      resolve: (ref) => info.type(ref),
    };
  };
  const signature = (fn: GoFunction): GoSignature => {
    const input = signatureInput(fn);
    return typeof input === 'string' ? { parameters: [], results: [], unknown: input } : signatureOf(input);
  };
  const dictionaryPlace = (info: DebugInfo, fn: GoFunction): DictionaryPlace | undefined => {
    if (isShapeClosure(fn.name)) {
      const closure = binary.closures([receiverOf(fn.name).package]).find(({ code }) => code === fn.entry);
      const offset = dictionaryInClosure(closure, info);
      return offset === undefined ? undefined : { register: abiRegisters[architecture].closure, offset };
    }
    const place = hasDictionary(fn.name) ? signature(fn).dictionary?.[0] : undefined;
    return place?.kind === 'register' ? { register: place.register } : undefined;
  };
  const contested = (fn: GoFunction): readonly string[] => {
    const input = signatureInput(fn);
    return typeof input === 'string' ? [] : contestedParameters(input, signatureOf(input));
  };

  const sourceLine = (fn: GoFunction): SourceLine | undefined => {
    const functions = table();
    const index = functions?.findByPc(fn.entry) ?? -1;
    const entry = index < 0 ? undefined : functions!.entryLine(index);
    const started = index < 0 ? undefined : functions!.startLine(index);
    if (entry !== undefined && entry.line === started) return entry;
    // The first instruction may be of another line, in inlined code even of another file: debug info knows.
    const info = debugInfo();
    const subprogram = info?.subprogram(fn.entry);
    const declared = subprogram && info?.declaredAt(subprogram);
    return declared ?? (entry && { file: entry.file, line: started ?? entry.line });
  };

  const code = (fn: GoFunction): DecodedCode => {
    const bytes = codeBytes(fn);
    return architecture === 'arm64' ? decodeArm64(bytes, fn.entry) : options.decode(bytes, fn.entry);
  };
  const handovers = new Handovers(code);

  const inlinedCopies = (name: string): InlinedCopy[] => {
    const info = debugInfo();
    return (info?.copies(name) ?? []).map(({ owner, copy }) => {
      const into = { name: owner.name, entry: owner.entry, end: owner.end, assembly: false };
      const isHandover = (pc: number) => handovers.has(into, pc);
      const at: InlinedCopy['at'] = (pc) => {
        const frameBytes = table()?.frameSize(pc);
        if (frameBytes === undefined) return undefined;
        const resolve = (ref: TypeRef) => info!.type(ref);
        const parameters = parametersInOrder(copy.parameters);
        const input = { architecture, pc, frameBytes, resolve, isHandover };
        return { variables: variablesAt(parameters, input), frameBytes };
      };
      return { into, ranges: copy.ranges, at };
    });
  };

  const lineSpots = (suffix: string, number: number): LineSpots | undefined => {
    const info = debugInfo();
    const functions = table();
    if (info === undefined || functions === undefined) return undefined;
    const found = findLine(info.dwarf, suffix, number);
    if (found.kind !== 'found') return found;
    const resolve = (ref: TypeRef) => info.type(ref);
    const spots = found.runs.flatMap((run): LineSpot[] => {
      const index = functions.findByPc(run.start as Address);
      if (index < 0) return [];
      const into = functions.function(index);
      return [
        {
          into: { ...into, name: info.nameAt(into.entry) ?? into.name },
          ...run,
          at(pc) {
            const frameBytes = functions.frameSize(pc);
            const scope = info.scopeAt(into.entry, pc);
            if (frameBytes === undefined || scope === undefined) return undefined;
            const variables = variablesAt(
              scope.variables.filter(({ name }) => isSourceName(name)),
              { architecture, pc, frameBytes, resolve, isHandover: (at) => handovers.has(into, at) },
            );
            return { variables, frameBytes, function: scope.function, inlined: scope.inlined };
          },
        },
      ];
    });
    return { ...found, spots };
  };

  let dynamic: readonly DynamicType[] | undefined;
  let dictionaries: Dictionaries | undefined;
  /** By the packages that were asked for. */
  const closures = new Map<string, readonly Closure[]>();
  const selection: SelectInput = {
    get table() {
      return table();
    },
    named: (fn) => (fn.name.includes('[...]') ? { ...fn, name: debugInfo()?.nameAt(fn.entry) ?? fn.name } : fn),
    inlinableNames: () => debugInfo()?.inlinableNames() ?? [],
    implementations: (interfaceName, method) =>
      implementations(
        {
          elf,
          goVersion: buildInfo?.goVersion ?? '',
          types: binary.dynamicTypes(),
          type: (ref) => binary.type(ref),
        },
        interfaceName,
        method,
      ),
  };
  /** Stack traces have `main.(*pair[...]).swap`, and so has the function table of a binary that says no more. */
  const asListed = (text: string) => (hasDebugInfo && !text.startsWith('re:') ? text.replaceAll('[...]', '') : text);
  const select = (text: string): FunctionSet | undefined => {
    const pattern = functionPattern(text, buildInfo?.module);
    if (pattern !== undefined) return selectFunctions(pattern, selection);
    if (binary.functionNamed(text) !== undefined) return undefined;
    const { functions, inlined } = instancesOf(text, selection);
    return functions.length > 1 || inlined.length > 0 ? { functions, inlined } : undefined;
  };
  const binary: GoBinary = {
    elf,
    architecture,
    pie: elf.pie,
    buildId,
    goVersion: buildInfo?.goVersion ?? '',
    buildInfo,
    hasSymbolTable: elf.sections.some((section) => section.type === 2),
    hasDebugInfo,
    get functionTable() {
      return table();
    },
    *functions() {
      const functions = table();
      if (functions === undefined) return;
      for (let i = 0; i < functions.count; i++) {
        const fn = functions.function(i);
        yield fn.name.includes('[...]') ? { ...fn, name: debugInfo()?.nameAt(fn.entry) ?? fn.name } : fn;
      }
    },
    findFunction: (name) => guarded(() => findFunction(asListed(name), debugInfo(), table(), nearest)),
    selectFunctions: (text) => guarded(() => select(asListed(text))),
    inlinedCopies: (name) => guarded(() => inlinedCopies(name)),
    line: (file, number) => guarded(() => lineSpots(file, number)),
    functionNamed(name) {
      const functions = table();
      const found = functions?.findByName(name)[0];
      return found === undefined ? undefined : functions!.function(found);
    },
    functionAt(at) {
      const functions = table();
      const index = functions?.findByPc(at) ?? -1;
      return index < 0 ? undefined : functions!.function(index);
    },
    signature: (fn) => guarded(() => signature(fn)),
    contested: (fn) => guarded(() => contested(fn)),
    instantiations: (fn) =>
      guarded(() => {
        const info = debugInfo();
        const place = info && dictionaryPlace(info, fn);
        if (info === undefined || place === undefined) return [];
        dictionaries ??= findDictionaries(elf);
        return instantiationsOf(fn, signature(fn), place, elf, info, dictionaries);
      }),
    sourceLine: (fn) => guarded(() => sourceLine(fn)),
    placeDeclared(fn, declared) {
      const functions = table();
      const index = functions?.findByPc(fn.entry) ?? -1;
      return placeDeclared(declared, {
        architecture,
        goVersion: binary.goVersion,
        fn,
        frameBytes: index < 0 ? undefined : functions!.argumentBytes(index),
        resolve: (ref) => binary.type(ref),
      });
    },
    declaredTypes: {
      make: (type) => described().make(type),
      named: (name) => described().named(name),
    },
    symbol: (name) => symbols()?.find(name)?.address,
    type(ref) {
      if (ref < 0) return described().type(ref);
      const info = debugInfo();
      if (info === undefined) return { kind: 'unknown', name: '', size: 0 };
      return guarded(() => debugInfo()!.type(ref));
    },
    packageVariable: (path, name) =>
      guarded(() => {
        const info = debugInfo();
        return info === undefined || trust !== 'image'
          ? { kind: 'no-package' }
          : findPackageVariable(info.dwarf, path, name);
      }),
    descriptorName: (at) => described().nameAt(at),
    dynamicTypes: () =>
      guarded(() => {
        const info = debugInfo();
        return (dynamic ??= info === undefined ? described().dynamicTypes() : findDynamicTypes(elf, info, described()));
      }),
    constants: (type) => (type < 0 ? undefined : guarded(() => debugInfo()?.constants(type))),
    closures(packages) {
      const wanted = [...packages].sort().join();
      let known = closures.get(wanted);
      if (known === undefined) {
        known = guarded(() => {
          const info = debugInfo();
          if (info === undefined) return [];
          const set = new Set(packages);
          const read: CodeReader = (start, end) => codeBytes({ entry: address(start), end: address(end) });
          const code = architecture === 'amd64' ? read : undefined;
          return [...findClosures(info, set, code), ...findMethodValues(info, binary.functions(), set, code)];
        });
        closures.set(wanted, known);
      }
      return known;
    },
    code,
    fileOffset: (at) => elf.fileOffset(at),
    structField: (type, field) => debugInfo()?.structField(type, field),
    get runtime() {
      offsets ??=
        index()?.runtime ??
        runtimeOffsets({
          lookupField: (struct, field) => debugInfo()?.structField(struct, field)?.offset,
          goVersion: buildInfo?.goVersion,
          tlsG: tlsG(),
        });
      return offsets;
    },
    exportIndex() {
      const header = debugElf === elf ? elf.header('.debug_info') : undefined;
      const packed = header && packing(source, header);
      if (packed === undefined || packed.method !== 'zlib' || packed.size >= 2 ** 32) return undefined;
      if (index()) return options.index;
      const info = debugInfo()!;
      const bytes = elf.section('.debug_info')!;
      const points = findInflatePoints(source.read(packed.offset, packed.packedSize), bytes, indexSpacing);
      return writeIndex(buildIndex(identity, binary.runtime, points, info.dwarf.units(), info.functions));
    },
    release() {
      debug = undefined;
      pclntab = undefined;
      descriptors = undefined;
      dynamic = undefined;
      elf.release();
      debugElf.release();
    },
  };
  return binary;
}
