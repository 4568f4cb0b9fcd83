import type { sonde } from '#api';
import { atTarget, type Script, UserError } from '#door';
import { type CaptureColumn, type LogicalTracepoint, linePlaceOf } from '#model';
import { type Catalog, compileLogical, compileMutations, compileQuery, planText } from '#planner';
import { type Compilation, compileTarget, describeCompilation, type Redaction } from '#probe';
import { parse } from '#pxl';
import type { Binaries } from './binaries.ts';
import { functionCall } from './execute.ts';
import type { Kernel } from './kernel.ts';
import { microseconds } from './latency.ts';
import type { Processes } from './processes.ts';
import { TableFunctions } from './tables.ts';

interface Parts {
  readonly processes: Processes;
  readonly binaries: Binaries;
  readonly kernel: Kernel;
  readonly redaction: () => Redaction;
  /** The tables that there are. */
  readonly catalog: Pick<Catalog, 'table' | 'tables'>;
}

/** Every stage of a script's compilation as text; nothing is loaded. */
export async function debugCompile(request: sonde.DebugCompileRequest, parts: Parts): Promise<sonde.DebugReply> {
  const script = { name: request.name || 'script', source: request.script };
  const options = { calls: request.execFuncs.map(functionCall), now: BigInt(Date.now()) * 1_000_000n };
  const parsed = parse(script.source);
  const mutations = compileMutations(parsed, options);
  if (!mutations.ok) throw new UserError(mutations.diagnostics, script);
  const stages: sonde.DebugStage[] = [];
  const relations = new Map(
    mutations.value.upserts.map((logical) => {
      const { compilation, stages: own } = compile(logical, parts, script);
      const prefix = mutations.value.upserts.length > 1 ? `${logical.name}: ` : '';
      stages.push(...own.map(({ name, text }) => ({ name: prefix + name, text })));
      return [logical.table, compilation.relation] as const;
    }),
  );
  const catalog: Catalog = {
    table: (name) => relations.get(name) ?? parts.catalog.table(name),
    tables: () => [...new Set([...relations.keys(), ...parts.catalog.tables()])],
    tableFunction: (name) => TableFunctions.relation(name),
    tableFunctions: () => TableFunctions.names(),
  };
  const logical = compileLogical(parsed, catalog, options);
  if (!logical.ok) throw new UserError(logical.diagnostics, script);
  for (const { name, plan, optimized } of logical.value.outputs) {
    stages.push({ name: `plan of ${name}`, text: planText(plan) });
    stages.push({ name: `plan of ${name}, after the rules`, text: planText(optimized) });
  }
  const query = compileQuery(parsed, catalog, options);
  if (!query.ok) throw new UserError(query.diagnostics, script);
  for (const output of query.value.outputs) stages.push({ name: `SQL of ${output.name}`, text: output.sql });
  return { stages };
}

const ofReturns: readonly CaptureColumn[] = [
  { name: 'results', capture: { kind: 'results' } },
  { name: 'latency', capture: { kind: 'latency' } },
];

/** Where a trace of this function, or line, would place its probes, and what they cost. */
export async function debugSites(request: sonde.DebugSitesRequest, parts: Parts): Promise<sonde.DebugReply> {
  const process = parts.processes.find(request.process)[0]!;
  const { compilation, stages: all } = compile(
    {
      name: 'sites',
      table: 'sites',
      target: { kind: 'upid', upid: process.upid },
      ttlNs: 0n,
      probes: [
        {
          function: request.function,
          columns: [
            { name: 'args', capture: { kind: 'arguments' } },
            ...(linePlaceOf(request.function) === undefined ? ofReturns : []),
          ],
        },
      ],
    },
    parts,
  );
  const { emulatedNs, steppedNs } = await parts.kernel.hitCost();
  const stages = all.filter(({ name }) => name === 'sites');
  const cost = `measured on this machine: ${Math.round(emulatedNs)} ns a hit where the kernel emulates the instruction, ${Math.round(steppedNs)} ns where it single-steps`;
  const { programs } = compilation.compiled;
  const lines = [cost, ...floatCost(programs, parts.kernel), ...compilation.warnings];
  return { stages: [...stages, { name: 'cost', text: lines.join('\n') }] };
}

/** What it costs more where values are in float registers. */
function floatCost(programs: Compilation['compiled']['programs'], { floats }: Kernel): string[] {
  const found = programs.some(({ sleepable }) => sleepable === 'floats') ? floats.find() : '';
  if (typeof found === 'string') return [];
  const where = programs
    .filter(({ sleepable }) => sleepable === 'floats')
    .map(({ program }) => program.name.replace(/_.*/, ''))
    .join(' and ');
  return [
    `float registers at the ${where}: each such hit gives up its CPU for a moment, here ${microseconds(found.saveNs)}`,
  ];
}

function compile(
  logical: LogicalTracepoint,
  { processes, binaries, kernel, redaction }: Parts,
  script?: Script,
): { compilation: Compilation; stages: readonly sonde.DebugStage[] } {
  try {
    const { target } = logical;
    if (target.kind !== 'upid')
      throw new UserError('a tracepoint with a selector is compiled for each process: give a UPID');
    const process = processes.byUpid(target.upid);
    using held = new DisposableStack();
    const { image, value } = processes.findIn(process, (image) => {
      const { binary } = held.use(binaries.open(image, logical.debugFile));
      const compiled = compileTarget(logical, binary, {
        filter: kernel.filter(process.pid),
        features: kernel.emitFeatures,
        floats: kernel.floatState,
        targetIndex: 0,
        redaction: redaction(),
        instructionText: (bytes, at) => binaries.instructionText(bytes, at, binary),
      });
      return compiled.ok ? { ok: true as const, value: { binary, compilation: compiled.value } } : compiled;
    });
    held.use(image);
    const { binary, compilation } = value;
    return { compilation, stages: describeCompilation({ ...logical, target }, compilation, binary) };
  } catch (error) {
    throw error instanceof UserError ? new UserError(atTarget(error, logical), script) : error;
  }
}
