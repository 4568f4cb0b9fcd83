import type { Diagnostic } from '#base';
import type { DecodedCode, GoFunction } from '#gobin';
import type { Site } from '../types.ts';
import { chooseSites, type SiteContext } from './choose.ts';

/** Names of the runtime's functions, for their lookup in the binary. A program that does not use `Goexit` does not have it. */
export const runtimeProbes = {
  recovery: 'runtime.recovery',
  goexit: 'runtime.Goexit',
  panic: 'runtime.gopanic',
} as const;

export interface FunctionCode {
  readonly function: GoFunction;
  readonly code: DecodedCode;
}

export interface RuntimeSites {
  /** Entry of `runtime.recovery`: `gp` is in the first integer register, and the code runs on g0. */
  readonly recovery?: Site;
  /** Entry of `runtime.Goexit`, on the goroutine itself. */
  readonly goexit?: Site;
  /** Entry of `runtime.gopanic`, on the goroutine itself: what it panics with is in its argument. */
  readonly panic?: Site;
  /** Why one that the program has cannot be probed: calls that end so then have no outcome of their own, but are closed by later events. */
  readonly diagnostics: readonly Diagnostic[];
}

/** The sites of the rare probes that tell why a call never returned (FACTS, rule 20). */
export function chooseRuntimeSites(
  functions: { readonly [role in keyof typeof runtimeProbes]?: FunctionCode | undefined },
  context: SiteContext,
): RuntimeSites {
  const diagnostics: Diagnostic[] = [];
  const choose = (role: keyof typeof runtimeProbes): Site | undefined => {
    const found = functions[role];
    if (found === undefined) return undefined;
    const sites = chooseSites(found.function, found.code, context, { entry: true, returns: false });
    if (!sites.ok) {
      diagnostics.push(...sites.diagnostics);
      return undefined;
    }
    return sites.value.entry && { ...sites.value.entry, role };
  };
  const recovery = choose('recovery');
  const goexit = choose('goexit');
  const panic = choose('panic');
  return { ...(recovery && { recovery }), ...(goexit && { goexit }), ...(panic && { panic }), diagnostics };
}
