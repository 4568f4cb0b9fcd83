import { hostname } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { cloud, type sonde } from '#api';
import { durationSetting } from '#base';
import { CallRefused, doorOptions } from '#door';
import { formatUpid, parseUuid } from '#model';
import { Store } from '#store';
import { openSys, releaseFilePages, type Sys } from '#sys';
import { Binaries } from './binaries.ts';
import type { ClusterNode } from './cluster/node.ts';
import { debugCompile, debugSites } from './debug.ts';
import { Deployer } from './deployment.ts';
import { runChecks } from './doctor.ts';
import { Execs } from './execs.ts';
import { ScriptRunner } from './execute.ts';
import { Follower } from './follow.ts';
import { describeFunctions } from './functions.ts';
import { type Identity, readIdentity } from './identity.ts';
import { IdleTimer } from './idle.ts';
import { Kernel } from './kernel.ts';
import { AgentDoor } from './listen.ts';
import { Processes } from './processes.ts';
import { Reader } from './reader/reader.ts';
import { readRedaction } from './redaction.ts';
import { serve, version } from './service.ts';
import { goImageOf } from './shared-objects.ts';
import { catalogOf, TableFunctions, targetText } from './tables.ts';
import { TokenFile } from './token-file.ts';
import { Tracer } from './trace.ts';
import { Tracepoints } from './tracepoints.ts';

/** How long rows are kept when nobody asks otherwise. */
const maxAgeNs = 3_600_000_000_000n;
/** How long an agent with nothing to do waits for the next command; SONDE_IDLE (`1s`) says otherwise. */
const idleGraceMs = durationSetting('SONDE_IDLE', process.env.SONDE_IDLE, 60_000);

/** What a node of a cluster is made of. */
export interface NodeParts {
  readonly identity: Identity;
  readonly processes: Processes;
  readonly tracepoints: Tracepoints;
  readonly tables: TableFunctions;
  readonly store: Store;
}

/** All parts of the daemon, put together; the service calls it. */
export class Agent {
  readonly identity: Identity;
  readonly idle: IdleTimer;
  readonly scripts: ScriptRunner;
  readonly tracer: Tracer;
  readonly tokens: TokenFile;
  /** Set by main: ends the process in order. */
  onEnd: () => Promise<void> = async () => {};
  readonly #dir: string;
  readonly #socket: string;
  readonly #sys: Sys;
  readonly #startedNs = BigInt(Date.now()) * 1_000_000n;
  readonly #store: Store;
  readonly #kernel: Kernel;
  readonly #binaries: Binaries;
  readonly #processes: Processes;
  readonly #deployer: Deployer;
  readonly #tracepoints: Tracepoints;
  readonly #follower: Follower;
  readonly #reader = new Reader();
  readonly #door: AgentDoor;
  /** Read anew for each tracepoint: its owner may change it. */
  readonly #redaction = () => readRedaction(this.#dir, process.env);
  readonly #tables: TableFunctions;
  #node: ClusterNode | undefined;
  #lastLoss = '';

  private constructor(dir: string, socket: string, store: Store) {
    this.#dir = dir;
    this.#socket = socket;
    this.#sys = openSys();
    this.identity = readIdentity(this.#sys);
    this.#store = store;
    this.#kernel = new Kernel(this.#sys);
    this.#binaries = new Binaries(this.#sys, join(dir, 'index'));
    this.#processes = new Processes(this.#sys, this.identity);
    const execs = new Execs(this.#sys);
    this.#deployer = new Deployer({
      sys: this.#sys,
      kernel: this.#kernel,
      processes: this.#processes,
      binaries: this.#binaries,
      reader: this.#reader,
      execs,
      redaction: this.#redaction,
    });
    this.#tracepoints = new Tracepoints(this.#deployer, store);
    this.#follower = new Follower({
      sys: this.#sys,
      processes: this.#processes,
      execs,
      followed: () =>
        this.#tracepoints
          .list()
          .flatMap(({ logical: { name, target }, state }) =>
            target.kind === 'processes' && state !== 'TERMINATED' ? [{ name, selector: target.processes }] : [],
          ),
      tell: (name, upids) => this.#tracepoints.follow(name, upids),
    });
    this.#tracepoints.onSelector = () => this.#follower.look();
    this.tracer = new Tracer(
      { sys: this.#sys, processes: this.#processes, binaries: this.#binaries, kernel: this.#kernel },
      this.#deployer,
    );
    const tables = new TableFunctions({
      identity: this.identity,
      placeOf: (process) => this.#node?.placeOf(process),
      views: { sys: this.#sys, binaries: this.#binaries, processes: this.#processes },
      tracepoints: this.#tracepoints,
      store,
      startedNs: this.#startedNs,
      metadata: () => this.#node?.metadata(),
    });
    this.#tables = tables;
    this.tokens = new TokenFile(dir);
    this.#door = new AgentDoor(dir, this.tokens.tokens);
    this.scripts = new ScriptRunner(this.#tracepoints, tables, store);
    this.idle = new IdleTimer({
      graceMs: idleGraceMs,
      busy: async () =>
        this.#door.status.listen !== '' ||
        this.#node !== undefined ||
        this.#tracepoints.live > 0 ||
        store.tables().some((table) => table.rows > 0),
      expire: () => void this.onEnd(),
      quiet: () => void this.#giveMemoryBack(),
    });
  }

  static start(dir: string, socket: string): Agent {
    let agent: Agent | undefined;
    const store = Store.open({
      file: join(dir, `rows.${process.pid}.duckdb`),
      maxAgeNs,
      onLost: (table, rows, reason) => agent?.lost(table, rows, reason),
    });
    agent = new Agent(dir, socket, store);
    return agent;
  }

  /** While its client makes the first call: what a tracepoint will ask of the kernel. */
  prepare(): void {
    setImmediate(() => this.#kernel.prepare());
  }

  /** What compiling and answering took would else stay for hours. */
  async #giveMemoryBack(): Promise<void> {
    this.#sys.trimMemory();
    // Threads that have failed say so to those who need them.
    await Promise.allSettled([this.#reader, this.#store].map((part) => part.trimMemory()));
    releaseFilePages(this.#sys);
  }

  lost(table: string, rows: number, reason: string): void {
    // Once is enough for the log: on a full disk every batch fails.
    if (this.#lastLoss !== reason)
      process.stderr.write(`${new Date().toISOString()} rows of table ${table} could not be stored: ${reason}\n`);
    this.#lastLoss = reason;
    this.#tracepoints.lost(table, rows, reason);
  }

  /** Becomes the agent of a cluster's node. What that takes is made, and its code loaded, by the caller: no other agent needs it. */
  join<Made extends { readonly node: ClusterNode }>(make: (parts: NodeParts) => Made): Made {
    const made = make({
      identity: this.identity,
      processes: this.#processes,
      tracepoints: this.#tracepoints,
      tables: this.#tables,
      store: this.#store,
    });
    this.#node = made.node;
    return made;
  }

  async close(): Promise<void> {
    this.idle.stop();
    await this.#node?.close();
    await this.tracer.close();
    await this.#tracepoints.close();
    this.#follower.close();
    this.#deployer.close();
    await this.#reader.stop();
    await this.#store.close();
    // Last, for who asked for the end over the network is to be answered.
    this.#door.close();
    this.tokens.tokens.close();
  }

  status(): sonde.StatusReply {
    return {
      version,
      pid: BigInt(process.pid),
      startedNs: this.#startedNs,
      socket: this.#socket,
      clusterId: this.identity.clusterId,
      residentBytes: BigInt(process.memoryUsage.rss()),
      tracepoints: this.#tracepoints.live + this.tracer.live.size,
      rows: BigInt(this.#rows()),
      logFile: join(this.#dir, 'agent.log'),
      asid: this.identity.agentId.toString(16).padStart(8, '0'),
      ...this.#door.status,
    };
  }

  /** Lets the network in, as far as it has tokens. */
  listen(request: sonde.ListenRequest): Promise<sonde.ListenReply> {
    let injector: grpc.ConnectionInjector | undefined;
    return this.#door.open(request, (socket) => {
      // TLS, if any, is the door's own.
      injector ??= serve(this, this.#door.door, doorOptions).createConnectionInjector(
        grpc.ServerCredentials.createInsecure(),
      );
      injector.injectConnection(socket);
    });
  }

  /** This machine as Pixie's cloud would tell of a cluster. */
  clusterInfo(request: cloud.GetClusterInfoRequest): cloud.GetClusterInfoResponse {
    const { clusterId } = this.identity;
    const { high, low } = parseUuid(clusterId)!;
    if (request.id && (request.id.highBits !== high || request.id.lowBits !== low))
      throw new CallRefused(grpc.status.NOT_FOUND, `no such cluster; this one is ${clusterId}`);
    const cluster = {
      id: { highBits: high, lowBits: low },
      status: cloud.ClusterStatus.CS_HEALTHY,
      lastHeartbeatNs: 0n,
      clusterUid: clusterId,
      clusterName: hostname(),
      prettyClusterName: hostname(),
      vizierVersion: version,
      numNodes: 1,
      numInstrumentedNodes: 1,
    };
    return { clusters: [cluster] };
  }

  stop(): sonde.StopReply {
    setImmediate(() => void this.onEnd());
    return { rows: BigInt(this.#rows()), tracepoints: this.#tracepoints.live, pid: BigInt(process.pid) };
  }

  listProcesses(): sonde.ListProcessesReply {
    const processes = this.#processes.list().map((process) => {
      const place = this.#node?.placeOf(process);
      return {
        pid: BigInt(process.pid),
        upid: formatUpid(process.upid),
        executable: process.executable,
        deleted: process.deleted,
        goVersion: process.goVersion,
        module: process.module,
        symbols: process.symbols,
        debugInfo: process.debugInfo,
        container: process.container,
        commandLine: process.commandLine,
        user: process.user,
        namespace: place?.namespace ?? '',
        pod: place?.pod ?? '',
        containerName: place?.container ?? '',
        node: place?.node ?? '',
        buildId: process.buildId,
      };
    });
    return { processes, missing: [], notes: [] };
  }

  async listFunctions(
    request: sonde.ListFunctionsRequest,
    signal: AbortSignal,
    send: (info: sonde.FunctionInfo) => Promise<void>,
  ): Promise<void> {
    for (const process of this.#processes.find(request.process).slice(0, 1)) {
      using executable = goImageOf(this.#sys, process.pid);
      using lease = this.#binaries.open(executable);
      for (const info of describeFunctions(lease.binary, request.pattern, request.path)) {
        if (signal.aborted) return;
        await send(info);
      }
    }
  }

  listTracepoints(): sonde.ListTracepointsReply {
    const placed = this.#tracepoints.list().map((tracepoint) => {
      const { id, logical, state, reason, owner, hits, kept, rows, drops, expiresAt } = tracepoint;
      const live = state === 'RUNNING' || state === 'PENDING';
      return {
        id,
        name: logical.name,
        state,
        target: targetText(tracepoint),
        table: logical.table,
        ttlLeftNs: live ? BigInt(Math.max(0, expiresAt - Date.now())) * 1_000_000n : 0n,
        hits: BigInt(hits),
        kept: BigInt(kept),
        rows: BigInt(rows),
        drops: BigInt(drops),
        undecided: BigInt(tracepoint.undecided),
        reason: [reason, ...tracepoint.notices].filter((text) => text !== '').join('\n'),
        owner,
        functions: logical.probes.map((probe) => probe.function),
        namespace: '',
        object: '',
      };
    });
    const traces = [...this.tracer.live.values()].map((trace) => ({
      id: '',
      name: trace.name,
      state: trace.deployments.length > 0 ? 'RUNNING' : 'PENDING',
      target: trace.processes.map((process) => formatUpid(process.upid)).join(' '),
      table: '',
      ttlLeftNs: 0n,
      hits: BigInt(trace.deployments.reduce((sum, deployment) => sum + deployment.hits, 0)),
      kept: BigInt(trace.deployments.reduce((sum, deployment) => sum + deployment.kept, 0)),
      rows: BigInt(trace.rows),
      drops: BigInt(trace.deployments.reduce((sum, deployment) => sum + deployment.drops, 0)),
      undecided: BigInt(trace.deployments.reduce((sum, deployment) => sum + deployment.undecided, 0)),
      reason: '',
      owner: trace.owner,
      functions: [trace.function],
      namespace: '',
      object: '',
    }));
    return { tracepoints: [...placed, ...traces] };
  }

  async deleteTracepoint(name: string): Promise<sonde.DeleteTracepointReply> {
    const trace = this.tracer.live.get(name);
    trace?.stop('');
    return { existed: trace !== undefined || (await this.#tracepoints.delete(name, 'deleted')) };
  }

  doctor(send: (check: sonde.DoctorCheck) => Promise<void>): Promise<void> {
    return runChecks(this.#sys, this.#kernel, send);
  }

  debugCompile(request: sonde.DebugCompileRequest): Promise<sonde.DebugReply> {
    return debugCompile(request, this.#parts());
  }

  debugSites(request: sonde.DebugSitesRequest): Promise<sonde.DebugReply> {
    return debugSites(request, this.#parts());
  }

  #parts() {
    const catalog = catalogOf(this.#store);
    return {
      processes: this.#processes,
      binaries: this.#binaries,
      kernel: this.#kernel,
      catalog,
      redaction: this.#redaction,
    };
  }

  #rows(): number {
    return this.#store.tables().reduce((sum, table) => sum + table.rows, 0);
  }
}
