import { BadPattern, type FunctionSet, type GoFunction } from '#gobin';
import type { LogicalProbe } from '#model';
import type { BinaryView } from '../binary.ts';
import type { Resolution } from '../types.ts';
import { resolveFunction } from './function.ts';

/** Most functions of one tracepoint: attach cookies tell them apart by 16 bits. */
const mostFunctions = 65_535;

/** The functions of a probe: those that have code, and the names of all, for their inlined copies. */
export interface Found {
  readonly functions: readonly GoFunction[];
  readonly names: readonly string[];
  readonly many: boolean;
  /** As in `FunctionSet`. */
  readonly unsure?: readonly string[];
}

/** `bufio`, `gopkg.in/yaml.v3`, where no function is called so: a package without a path, or with a dot behind it. */
function packageNamed(name: string, binary: BinaryView): FunctionSet | undefined {
  const isPath = /^[^()[\]]*\/[^()[\]]*$/.test(name) || /^[\p{L}_][\p{L}\p{Nd}_]*$/u.test(name);
  if (!isPath || binary.findFunction(name).kind !== 'missing') return undefined;
  const set = binary.selectFunctions?.(`${name}.*`);
  return set !== undefined && set.functions.length + set.inlined.length > 0 ? set : undefined;
}

/** The functions that have code of all that a name or a pattern stands for; none where they are inlined everywhere. */
export function resolveFunctions(probe: LogicalProbe, binary: BinaryView): Resolution<Found> {
  let set: FunctionSet | undefined;
  try {
    set = binary.selectFunctions?.(probe.function) ?? packageNamed(probe.function, binary);
  } catch (error) {
    if (!(error instanceof BadPattern)) throw error;
    return fail(probe, 'probe.bad-pattern', error.message);
  }
  if (set === undefined) {
    const one = resolveFunction(probe, binary);
    if (one.ok)
      return { ok: true, value: { functions: [one.value.function], names: [one.value.function.name], many: false } };
    // Inlined everywhere: its copies are all that there is.
    const copies = binary.inlinedCopies?.(probe.function) ?? [];
    return copies.length === 0 ? one : { ok: true, value: { functions: [], names: [probe.function], many: false } };
  }
  const { functions, inlined, unsure = [] } = set;
  if (functions.length + inlined.length === 0) {
    return fail(probe, 'probe.no-such-function', `no function in the binary fits '${probe.function}'`, [
      "a pattern is for whole names: 'net/http.*', 're:^main\\.', 'impl:io.Reader.Read', 'module:*'",
      '`px funcs <process> [pattern]` lists the functions',
    ]);
  }
  if (functions.length > mostFunctions) {
    return fail(
      probe,
      'probe.too-many',
      `'${probe.function}' fits ${functions.length} functions, but a tracepoint has at most ${mostFunctions}`,
    );
  }
  return {
    ok: true,
    value: { functions, names: [...functions.map(({ name }) => name), ...inlined], many: true, unsure },
  };
}

/** A mistake in a probe, where it is written. */
export function fail(
  probe: LogicalProbe,
  id: string,
  message: string,
  hints: readonly string[] = [],
): Resolution<never> {
  const span = probe.span === undefined ? {} : { span: probe.span };
  return { ok: false, diagnostics: [{ id, message, ...(hints.length === 0 ? {} : { hints }), ...span }] };
}
