import { address, nearest } from '#base';
import { type ByteSource, openElf } from '#elf';
import { type Architecture, abiRegisters } from './abi.ts';
import { decodeArm64 } from './arm64.ts';
import { readBuildInfo } from './buildinfo.ts';
import { cgoCallback } from './cgo-callback.ts';
import { type ClosureInput, closureCopies, closureCopyNames } from './closure-copies.ts';
import { type CodeReader, closurePackages, findClosures, findMethodValues, methodValue } from './closures.ts';
import { DebugSource } from './debug-source.ts';
import type { DebugInfo } from './debuginfo.ts';
import { placeDeclared } from './declared.ts';
import { Descriptors } from './descriptors.ts';
import { findDynamicTypes } from './dynamic-types.ts';
import { type GoBinary, NotGo, type OpenOptions } from './go-binary.ts';
import { Handovers } from './handovers.ts';
import { implementations } from './implementations.ts';
import { inlinedByTable, inlinedCopies } from './inlined-copies.ts';
import { type Dictionaries, dictionaryInClosure, findDictionaries, instantiationsOf } from './instantiations.ts';
import { findFunction } from './lookup.ts';
import { hasDictionary, isClosure, isShapeClosure, receiverOf, sameName } from './names.ts';
import { openPclntab, unknownPclntab } from './open-pclntab.ts';
import { findPackageVariable } from './package-variables.ts';
import { functionPattern } from './pattern.ts';
import type { InlinedCall, Pclntab } from './pclntab.ts';
import { pointerWrapper } from './pointer-wrapper.ts';
import { findAllgs, findTlsG, runtimeOffsets, tlsFunctions } from './runtime.ts';
import { instancesOf, type SelectInput, selectFunctions } from './select.ts';
import { contestedParameters, listingOf, type SignatureInput, signatureOf } from './signature.ts';
import { lineSpots, type SpotInput } from './spots.ts';
import { TypeNames } from './type-names.ts';
import type {
  Closure,
  DecodedCode,
  DictionaryPlace,
  DynamicType,
  FunctionLookup,
  FunctionSet,
  GoFunction,
  GoSignature,
  InlinedCopy,
  RuntimeOffsets,
  SourceLine,
} from './types.ts';

const noDebugInfo = 'the binary has no debug info';

/** Opens a Go executable. Throws the errors of `openElf`, NotGo, and OtherDebugFile. */
export function openGoBinary(source: ByteSource, options: OpenOptions): GoBinary {
  const elf = openElf(source, options.inflate);
  const architecture: Architecture = elf.machine === 'arm64' ? 'arm64' : 'amd64';
  const buildInfo = readBuildInfo(elf);
  if (buildInfo === undefined && !elf.header('.gopclntab') && !elf.header('.data.rel.ro.gopclntab')) throw new NotGo();

  let pclntab: Pclntab | undefined;
  let descriptors: Descriptors | undefined;
  const described = (): Descriptors => (descriptors ??= new Descriptors(elf, buildInfo?.goVersion ?? ''));
  let names: TypeNames | undefined;
  const typeNames = () => (names ??= new TypeNames(described(), buildInfo?.goVersion ?? ''));
  const buildId = elf.gnuBuildId ?? elf.goBuildId ?? '';
  const debug = new DebugSource(elf, source, buildId, options);
  const symbols = () => elf.symbols() ?? (debug.trust === 'image' ? debug.elf.symbols() : undefined);
  const guarded = <T>(ask: () => T): T => debug.guarded(ask);
  /** Of `.text` in parts, where it is a function of that. */
  const codeBytes = ({ entry, end }: Pick<GoFunction, 'entry' | 'end'>): Uint8Array => {
    const text = elf.header('.text');
    const window = text && entry >= text.address && end <= text.address + text.size ? elf.window('.text') : undefined;
    if (window === undefined) return elf.read(entry, end - entry);
    const from = entry - text!.address;
    window.need(from, end - text!.address);
    return window.bytes.subarray(from, end - text!.address);
  };
  const table = (): Pclntab | undefined => {
    pclntab ??= openPclntab(elf);
    const fault = pclntab === undefined && !debug.exists ? unknownPclntab(elf) : undefined;
    if (fault !== undefined) throw fault;
    return pclntab;
  };

  /** Everything on the stack: assembly, and compilers without register arguments (arm64 before Go 1.18). */
  const stackOnly = (fn: GoFunction, producer: string): boolean =>
    fn.assembly || (producer !== '' && !producer.includes('regabi'));

  let offsets: RuntimeOffsets | undefined;
  const tlsG = (): number | undefined => {
    if (architecture !== 'amd64') return undefined;
    for (const name of tlsFunctions) {
      const info = debug.info;
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
    const info = debug.info;
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
      loopsOverFunction: () => {
        const body = `${fn.name}-range`;
        return (functions?.findByName(`${body}1`).length ?? 0) > 0 || info.inlines(subprogram.die, body);
      },
    };
  };
  const signature = (fn: GoFunction): GoSignature => {
    const input = signatureInput(fn);
    return typeof input === 'string' ? { parameters: [], results: [], unknown: input } : signatureOf(input);
  };
  const dictionaryPlace = (info: DebugInfo, fn: GoFunction): DictionaryPlace | undefined => {
    if (isShapeClosure(fn.name)) {
      const wanted = closurePackages(info, []) === 'all' ? 'all' : new Set([receiverOf(fn.name).package]);
      const closure = closuresIn(info, wanted).find(({ code }) => code === fn.entry);
      const offset = dictionaryInClosure(closure, info);
      return offset === undefined ? undefined : { register: abiRegisters[architecture].closure, offset };
    }
    const place = hasDictionary(fn.name) ? signature(fn).dictionary?.[0] : undefined;
    if (place?.kind === 'register') return { register: place.register };
    if (place?.kind !== 'stack') return undefined;
    return { register: abiRegisters[architecture].stackPointer, offset: place.frameOffset };
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
    const info = debug.info;
    const subprogram = info?.subprogram(fn.entry);
    const declared = subprogram && info?.declaredAt(subprogram);
    return declared ?? (entry && { file: entry.file, line: started ?? entry.line });
  };

  const code = (fn: GoFunction): DecodedCode => {
    const bytes = codeBytes(fn);
    return architecture === 'arm64' ? decodeArm64(bytes, fn.entry) : options.decode(bytes, fn.entry);
  };
  const handovers = new Handovers(code);
  const spotInput = (info: DebugInfo): SpotInput => ({ architecture, info, table: table(), handovers });
  /** By function. */
  const inlinedCalls = new Map<number, readonly InlinedCall[]>();
  const callsIn = (index: number): readonly InlinedCall[] => {
    const known = inlinedCalls.get(index) ?? table()?.inlinedCalls(index) ?? [];
    inlinedCalls.set(index, known);
    return known;
  };
  let inlinedCounts: ReadonlyMap<string, number> | undefined;
  const inlined = () => (inlinedCounts ??= inlinedByTable(table(), callsIn));
  const copies = (name: string): InlinedCopy[] =>
    inlinedCopies(name, { architecture, debug: debug.info, table: table(), callsIn, handovers });

  let dynamic: readonly DynamicType[] | undefined;
  let dictionaries: Dictionaries | undefined;
  const codeReader = (): CodeReader | undefined =>
    architecture === 'amd64' ? (start, end) => codeBytes({ entry: address(start), end: address(end) }) : undefined;
  /** By the packages that were gone through. */
  const closures = new Map<string, readonly Closure[]>();
  const methodValues = new Map<string, readonly Closure[]>();
  const known = (by: typeof closures, packages: ReadonlySet<string> | 'all', find: () => readonly Closure[]) => {
    const key = packages === 'all' ? packages : [...packages].sort().join();
    const found = by.get(key) ?? find();
    by.set(key, found);
    return found;
  };
  const closuresIn = (info: DebugInfo, packages: ReadonlySet<string> | 'all') =>
    known(closures, packages, () => findClosures(info, packages, codeReader()));
  const selection: SelectInput = {
    get table() {
      return table();
    },
    named: (fn) => (fn.name.includes('[...]') ? { ...fn, name: debug.info?.nameAt(fn.entry) ?? fn.name } : fn),
    inlinableNames: () => debug.info?.inlinableNames() ?? inlined().keys(),
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
  /** Stack traces have `main.(*pair[...]).swap`. */
  const asListed = (text: string) => (text.startsWith('re:') ? text : text.replaceAll('[...]', ''));
  const closureInput = (): ClosureInput | undefined => {
    const functions = table();
    const declaredAt = (name: string) => {
      const line = debug.info?.declaration(name)?.declLine;
      const places =
        line === undefined ? [] : copies(name).flatMap(({ ranges }) => functions!.framesAt(address(ranges[0]!.start)));
      return line === undefined
        ? undefined
        : { file: places.find((frame) => sameName(frame.function, name))?.at?.file, line };
    };
    return functions && { table: functions, inlinableNames: selection.inlinableNames, sourceLine, declaredAt };
  };
  const find = (name: string): FunctionLookup => {
    const found = findFunction(name, { debug: debug.info, table: table(), inlined }, nearest);
    const closures = found.kind === 'missing' ? closureInput() : undefined;
    if (found.kind !== 'missing' || closures === undefined) return found;
    const copies = closureCopyNames(name, closures);
    return copies.length === 0 ? found : { ...found, nearest: copies };
  };
  const select = (text: string): FunctionSet | undefined => {
    const pattern = functionPattern(text, buildInfo?.module);
    if (pattern !== undefined) return selectFunctions(pattern, selection);
    const closures = closureInput();
    const copied = closures && closureCopies(text, closures);
    if (copied !== undefined) return copied;
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
    hasDebugInfo: debug.exists,
    get functionTable() {
      return table();
    },
    *functions() {
      const functions = table();
      if (functions === undefined) return;
      for (let i = 0; i < functions.count; i++) {
        const fn = functions.function(i);
        yield fn.name.includes('[...]') ? { ...fn, name: debug.info?.nameAt(fn.entry) ?? fn.name } : fn;
      }
    },
    findFunction: (name) => guarded(() => find(asListed(name))),
    selectFunctions: (text) => guarded(() => select(asListed(text))),
    inlinedCopies: (name) => guarded(() => copies(name)),
    pointerWrapper: (name) => table() && pointerWrapper(name, table()!, code),
    line: (file, number) => guarded(() => debug.info && lineSpots(file, number, spotInput(debug.info))),
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
        const info = debug.info;
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
      later: (make) => described().later(make),
      named: (name) => typeNames().named(name),
      namesakes: (name) => typeNames().namesakes(name),
    },
    symbol: (name) => symbols()?.find(name)?.address,
    type(ref) {
      if (ref < 0) return described().type(ref);
      const info = debug.info;
      if (info === undefined) return { kind: 'unknown', name: '', size: 0 };
      return guarded(() => debug.info!.type(ref));
    },
    packageVariable: (path, name) =>
      guarded(() => {
        const info = debug.info;
        return info === undefined || debug.trust !== 'image'
          ? { kind: 'no-package' }
          : findPackageVariable(info.dwarf, path, name);
      }),
    descriptorName: (at) => described().nameAt(at),
    dynamicTypes: () =>
      guarded(() => {
        const info = debug.info;
        return (dynamic ??= info === undefined ? described().dynamicTypes() : findDynamicTypes(elf, info, described()));
      }),
    constants: (type) => (type < 0 ? undefined : guarded(() => debug.info?.constants(type))),
    closures: (packages) =>
      guarded(() => {
        const info = debug.info;
        if (info === undefined) return [];
        const wanted = closurePackages(info, packages);
        const functions = table();
        const ofMethods = known(methodValues, wanted, () => {
          const candidates = functions?.namesEndingIn(methodValue).map((index) => functions.function(index)) ?? [];
          return findMethodValues(info, candidates, wanted, codeReader());
        });
        return [...closuresIn(info, wanted), ...ofMethods];
      }),
    captured(fn) {
      if (!isClosure(fn.name)) return undefined;
      const found = guarded(() => {
        const info = debug.info;
        if (info === undefined) return undefined;
        const own = new Set([receiverOf(fn.name).package]);
        const wanted = closurePackages(info, []) === 'all' ? 'all' : own;
        const all = fn.name.endsWith(methodValue)
          ? findMethodValues(info, [fn], own, codeReader())
          : closuresIn(info, wanted);
        return all.find(({ code, name }) => code === fn.entry && name === fn.name);
      });
      const place = { kind: 'register', register: abiRegisters[architecture].closure, offset: 0, size: 8 } as const;
      return found && { context: { name: 'context', type: 0, places: [place] }, variables: found.captured };
    },
    code,
    fileOffset: (at) => elf.fileOffset(at),
    structField: (type, field) => debug.info?.structField(type, field),
    get runtime() {
      offsets ??=
        debug.index?.runtime ??
        runtimeOffsets({
          lookupField: (struct, field) => debug.info?.structField(struct, field)?.offset,
          goVersion: buildInfo?.goVersion,
          tlsG: tlsG(),
        });
      return offsets;
    },
    get allgs() {
      const known = binary.symbol('runtime.allgs');
      const fn = known === undefined && architecture === 'amd64' ? binary.functionNamed('runtime.allgadd') : undefined;
      return fn === undefined ? known : findAllgs(codeBytes(fn), fn.entry);
    },
    get cgoCallback() {
      const functions = architecture === 'amd64' ? table() : undefined;
      return functions && cgoCallback(functions, code);
    },
    exportIndex: () => debug.exportIndex(() => binary.runtime),
    release() {
      pclntab = undefined;
      descriptors = undefined;
      names = undefined;
      inlinedCalls.clear();
      inlinedCounts = undefined;
      dynamic = undefined;
      elf.release();
      debug.release();
    },
  };
  return binary;
}
