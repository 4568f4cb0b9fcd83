import { type Diagnostic, nearest } from '#base';
import type { Capture, LogicalProbe, SourcePlace } from '#model';
import type { BinaryView } from '../binary.ts';
import type { TypeGraphBuilder } from '../graph/index.ts';
import { type CopySites, linePlaces } from '../sites/index.ts';
import type { Resolution } from '../types.ts';
import type { ResolvedSet, Skipped } from './many.ts';
import { namesOf, resolveColumns } from './probe.ts';
import type { ResolvedLogPart, ResolvedProbe } from './resolved.ts';
import { uniform } from './uniform.ts';

/** What only a call has. */
const callsAlone: ReadonlySet<string> = new Set<Capture['kind']>([
  ...(['result', 'results', 'error', 'latency', 'outcome', 'panic', 'call-id', 'parent-call-id', 'own-time'] as const),
]);

/** Most files that a hint names. */
const mostFiles = 5;

/** A line of the source: every place of its code, with the variables that can be named there in the arguments' stead. */
export function resolveLine(
  probe: LogicalProbe,
  { file, line }: SourcePlace,
  binary: BinaryView,
  graph: TypeGraphBuilder,
  sites: CopySites | undefined,
): Resolution<ResolvedSet> {
  const fail = (id: string, message: string, hints: readonly string[]): Resolution<never> => {
    const span = probe.span === undefined ? {} : { span: probe.span };
    return { ok: false, diagnostics: [{ id, message, ...(hints.length === 0 ? {} : { hints }), ...span }] };
  };
  const ofCalls = probe.columns.find(({ capture }) =>
    callsAlone.has(capture.kind === 'aggregate' && capture.of !== undefined ? capture.of.kind : capture.kind),
  );
  if (ofCalls !== undefined) {
    return fail(
      'probe.line',
      `'${probe.function}' is a line: it is no call, so column '${ofCalls.name}' has no value there`,
      ['variables in scope: pxtrace.ArgExpr("name"), all of them: pxtrace.Arguments()'],
    );
  }
  const found = binary.line?.(file, line);
  if (found === undefined || sites === undefined)
    return fail(
      'probe.no-debug-info',
      `'${probe.function}': where the statements of a line begin is told by debug info alone, and the binary has none`,
      [
        'trace the function that has it',
        'or give debug info from elsewhere, such as an unstripped build: debug_file= of UpsertTracepoint, --debug-file',
      ],
    );
  switch (found.kind) {
    case 'no-file': {
      const base = (path: string) => path.slice(path.lastIndexOf('/') + 1);
      const near = nearest(base(file), new Set(found.files.map(base)), mostFiles);
      const files = near.flatMap((name) => found.files.filter((path) => base(path) === name)).slice(0, mostFiles);
      return fail(
        'probe.no-such-file',
        `no file of the binary's source ends in '${file}'`,
        files.map((path) => `did you mean ${path}?`),
      );
    }
    case 'ambiguous':
      return fail('probe.ambiguous-file', `'${file}' is ambiguous: ${found.files.length} files end so`, [
        'say which:',
        ...found.files.slice(0, 20),
      ]);
    case 'no-code':
      return fail(
        'probe.no-such-line',
        `line ${line} of ${found.file} has no code`,
        found.lines.length === 0
          ? []
          : [
              `the nearest lines${found.function === undefined ? '' : ` of ${found.function}`} that have: ${found.lines.join(', ')}`,
            ],
      );
  }
  const failures: Diagnostic[][] = [];
  const skipped: Skipped[] = [];
  const undecidable: (readonly Diagnostic[])[] = [];
  const places = linePlaces(sites, found.spots);
  const probes = places.flatMap((place): readonly ResolvedProbe[] => {
    const fn = { ...place.into, name: place.function };
    const { diagnostics, unselected, ...found } = resolveColumns(
      probe,
      { function: fn, signature: place.signature, stackStart: place.stackStart },
      binary,
      graph,
    );
    if (unselected.length > 0) {
      const at = `0x${place.entry.address.toString(16)}`;
      skipped.push({ function: probe.function, reason: `at ${at} in ${fn.name}: ${unselected[0]!.message}` });
      undecidable.push(unselected);
      return [];
    }
    if (diagnostics.length > 0) failures.push([...diagnostics]);
    const names = namesOf(fn, place.inlined ? place.into.name : '');
    return [{ function: fn, signature: place.signature, inlinedCopies: 0, names, ...found, copy: place }];
  });
  const ofEnds = probes.flatMap(({ columns }) =>
    columns.flatMap((column) => (column.from === 'log' ? column.parts.filter(({ from }) => isOfEnd(from)) : [])),
  );
  if (ofEnds.length > 0)
    return fail('probe.line', `'${probe.function}' is a line: it is no call, so it has no {${ofEnds[0]!.text}}`, [
      'a log line may name the variables in scope',
    ]);
  if (probes.length === 0 && undecidable.length > 0) return { ok: false, diagnostics: undecidable[0]! };
  if (probes.length === 0)
    return fail('probe.no-entry-site', `the kernel takes no probe on the code of ${found.file}:${line}`, []);
  if (failures.length === probes.length) return { ok: false, diagnostics: failures[0]! };
  return { ok: true, value: { probes: uniform(probes), many: false, skipped } };
}

/** Is it known only when a call has ended? */
function isOfEnd(from: ResolvedLogPart['from']): boolean {
  return from === 'latency' || from === 'outcome' || from === 'panic';
}
