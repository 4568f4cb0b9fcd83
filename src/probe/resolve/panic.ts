import { abiRegisters, type GoFunction, type GoVariable } from '#gobin';
import type { BinaryView, CompilableBinary } from '../binary.ts';
import type { TypeGraphBuilder } from '../graph/index.ts';
import { startOf } from './access.ts';
import { leaf } from './leaf.ts';
import type { ResolvedValue } from './resolved.ts';

/** What is read at the entry of `runtime.gopanic`, on the goroutine that panics. */
export interface ResolvedPanic {
  /** What is panicked with. */
  readonly value: ResolvedValue;
  /** `g.stack.hi`. */
  readonly stackEnd: ResolvedValue;
  /**
   * Stack pointers of frames whose deferred functions run for an earlier panic: the first that is there is the one. Before Go 1.22 each has a flag, without
   * which it is none.
   */
  readonly deferring: readonly { readonly frame: ResolvedValue; readonly started?: ResolvedValue }[];
}

/** Deferred calls that a deferred function may have made itself and that are looked past. */
const mostDefers = 4;
/** runtime2.go: `stack` is the first field of `g`, `hi` its second word. */
const gStackHi = 8;

/** Values of panics, or why they are not known. */
export function resolvePanic(
  binary: BinaryView & Pick<CompilableBinary, 'architecture' | 'runtime' | 'functionNamed'>,
  graph: TypeGraphBuilder,
): ResolvedPanic | string {
  const fn = binary.functionNamed('runtime.gopanic');
  if (fn === undefined) return 'the program has no runtime.gopanic';
  const argument = panicArgument(fn, binary);
  if (typeof argument === 'string') return argument;
  const { type } = argument;
  const value = graph.addPanic(() => leaf(startOf(argument), type, binary, graph));
  return { value, stackEnd: word([gStackHi]), deferring: deferring() };

  function word(hops: readonly number[], size = 8): ResolvedValue {
    const g = abiRegisters[binary.architecture].g;
    const places = [{ kind: 'register', register: g, offset: 0, size: 8 }] as const;
    const variable: GoVariable = { name: 'g', type, places };
    return { kind: 'uint', access: { variable, offset: 0, hops }, size };
  }

  function deferring(): ResolvedPanic['deferring'] {
    const { gPanic, panicSp } = binary.runtime;
    if (gPanic !== undefined && panicSp !== undefined) return [{ frame: word([gPanic, panicSp]) }];
    const { gDefer: list, deferSp: sp, deferStarted: started, deferLink: link } = binary.runtime;
    if (list === undefined || sp === undefined || started === undefined || link === undefined) return [];
    return Array.from({ length: mostDefers }, (_, i) => {
      const to = [list, ...Array<number>(i).fill(link)];
      return { frame: word([...to, sp]), started: word([...to, started], 1) };
    });
  }
}

/** `func gopanic(e any)`, in every version of Go; a text: why it is not known where it is. */
function panicArgument(fn: GoFunction, binary: BinaryView): GoVariable | string {
  const told = binary.signature(fn);
  const [known] = told.parameters;
  if (known !== undefined) return known;
  const any = binary.declaredTypes?.make({ kind: 'interface', name: 'interface {}', size: 16, empty: true });
  const placed = any && binary.placeDeclared?.(fn, { parameters: [{ name: 'e', type: any }], results: [] });
  if (typeof placed === 'object') return placed.parameters[0]!;
  return placed ?? told.unknown ?? 'the debug info does not tell where runtime.gopanic has it';
}
