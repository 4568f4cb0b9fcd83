import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { textAt } from '#api';
import type { CaptureColumn, ProcessTracepoint, RowBatch } from '#model';
import { compileTarget, defaultRedaction, Redaction, type Site } from '#probe';
import { openSys, type Sys } from '#sys';
import { Binaries } from '../src/agent/binaries.ts';
import { Deployer, type Deployment, type DeploymentSink } from '../src/agent/deployment.ts';
import { Execs } from '../src/agent/execs.ts';
import { readIdentity } from '../src/agent/identity.ts';
import { Kernel } from '../src/agent/kernel.ts';
import { executableOf } from '../src/agent/process-executable.ts';
import { Processes } from '../src/agent/processes.ts';
import { Reader } from '../src/agent/reader/reader.ts';

/** One call as `Placed` gives it. */
export interface PlacedRow {
  readonly args: Readonly<Record<string, unknown>>;
  readonly outcome: string;
  readonly notes: string;
}

const columns: readonly CaptureColumn[] = [
  { name: 'args', capture: { kind: 'arguments' } },
  { name: 'latency', capture: { kind: 'latency' } },
  { name: 'outcome', capture: { kind: 'outcome' } },
];

/** A tracepoint that a test has placed. */
export class Placed {
  readonly deployment: Deployment;
  readonly rows: readonly PlacedRow[];
  /** State and reason, once it has ended by itself. */
  readonly ended: Promise<readonly [state: string, reason: string]>;

  constructor(deployment: Deployment, rows: readonly PlacedRow[], ended: Placed['ended']) {
    this.deployment = deployment;
    this.rows = rows;
    this.ended = ended;
  }
}

/** What the agent places tracepoints with, in this process, without store, service and client. */
export class TestDeployer implements AsyncDisposable {
  readonly sys: Sys = openSys();
  readonly kernel: Kernel = new Kernel(this.sys);
  readonly processes: Processes = new Processes(this.sys, readIdentity(this.sys));
  readonly binaries: Binaries;
  readonly #folder = mkdtempSync(join(tmpdir(), 'sonde-deployer-'));
  readonly #reader: Reader;
  readonly #deployer: Deployer;

  /** `sys` that is handed to what arms, and who reads the rings; default: the real ones. */
  constructor(sys?: Sys, reader: Reader = new Reader()) {
    this.#reader = reader;
    this.binaries = new Binaries(this.sys, this.#folder);
    const { kernel, processes, binaries } = this;
    const execs = new Execs(this.sys);
    const redaction = () => new Redaction(defaultRedaction);
    this.#deployer = new Deployer({
      sys: sys ?? this.sys,
      kernel,
      processes,
      binaries,
      reader: this.#reader,
      execs,
      redaction,
    });
  }

  async place(
    pid: number,
    fn: string,
    options: Pick<DeploymentSink, 'rowsOfRunning' | 'shared'> = {},
  ): Promise<Placed> {
    const rows: PlacedRow[] = [];
    let end: (ended: readonly [string, string]) => void = () => {};
    const ended = new Promise<readonly [string, string]>((resolve) => {
      end = resolve;
    });
    const { upid } = this.processes.find(String(pid))[0]!;
    const deployment = await this.placeLogical(
      { name: fn, table: fn, target: { kind: 'upid', upid }, ttlNs: 0n, probes: [{ function: fn, columns }] },
      {
        ...options,
        batch: (batch) => rows.push(...rowsOf(batch)),
        ended: (state, reason) => end([state, reason]),
      },
    );
    return new Placed(deployment, rows, ended);
  }

  placeLogical(logical: ProcessTracepoint, sink: Partial<DeploymentSink> = {}): Promise<Deployment> {
    return this.#deployer.deploy(logical, { relation: async () => {}, batch: () => {}, ended: () => {}, ...sink });
  }

  /** Where the probes of a tracepoint would be. */
  sites(logical: ProcessTracepoint): readonly Site[] {
    const { kernel } = this;
    const { pid } = logical.target.upid;
    using executable = executableOf(pid);
    using lease = this.binaries.open(executable);
    const compiled = compileTarget(logical, lease.binary, {
      filter: kernel.filter(pid),
      features: kernel.emitFeatures,
      floats: kernel.floatState,
      targetIndex: 0,
      bias: 0,
      redaction: new Redaction(defaultRedaction),
      instructionText: () => '',
    });
    if (!compiled.ok) throw new Error(compiled.diagnostics.map(({ message }) => message).join('; '));
    return compiled.value.compiled.programs.flatMap(({ sites }) => sites);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#deployer.close();
    await this.#reader.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** How many descriptors this process has open. */
export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function rowsOf(batch: RowBatch): PlacedRow[] {
  const text = (column: number, row: number): string => {
    const { type, values } = batch.columns[column]!;
    if (type !== 'STRING') throw new Error(`column ${column} is ${type}`);
    return textAt(values, row);
  };
  return Array.from({ length: batch.rows }, (_, row) => ({
    args: JSON.parse(text(3, row) || '{}'),
    outcome: text(5, row),
    notes: batch.notes?.[row] ?? '',
  }));
}
