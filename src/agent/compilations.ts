import type { GoBinary } from '#gobin';
import type { ProcessTracepoint } from '#model';
import { type Compilation, type CompileOptions, compileTarget, type Resolution } from '#probe';

/**
 * What a tracepoint became in each binary, for all of its processes that run that: each is resolved and its sites are chosen once. Known as long as somebody
 * holds the binary.
 */
export class Compilations {
  readonly #known = new WeakMap<GoBinary, Map<string, Resolution<Compilation>>>();

  /** `compileTarget`, or what that gave for another process. */
  compile(logical: ProcessTracepoint, binary: GoBinary, options: CompileOptions): Resolution<Compilation> {
    const key = textOf([{ ...logical, target: undefined }, options.features, options.redaction?.rules]);
    const known = this.#known.get(binary) ?? new Map<string, Resolution<Compilation>>();
    const before = known.get(key);
    if (before !== undefined) return before.ok ? { ok: true, value: before.value.forProcess(options) } : before;
    const compiled = compileTarget(logical, binary, options);
    this.#known.set(binary, known.set(key, compiled));
    return compiled;
  }
}

function textOf(parts: readonly unknown[]): string {
  return JSON.stringify(parts, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
}
