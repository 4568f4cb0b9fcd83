import { hostname } from 'node:os';
import { BugError } from '#base';
import { UserError } from '#door';
import {
  batchOfRows,
  formatUpid,
  parseUuid,
  type Relation,
  type RowBatch,
  type RowValue,
  type Upid,
  upidFromWords,
  upidWords,
} from '#model';
import { type Catalog, catalogFunctions, type PlanInput, tableFunctionRelations } from '#planner';
import type { Store, StoredTable } from '#store';
import type { Tracepoint } from './held-tracepoint.ts';
import type { Identity } from './identity.ts';
import { functionRows, goroutineRows, type ProcessViews } from './process-rows.ts';
import type { GoProcess, Processes } from './processes.ts';
import { namespaceIn, type Tracepoints } from './tracepoints.ts';

/** Where a process is in a cluster; the names are empty where they are not known (yet). */
export interface Place {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  /** The container's name in its pod. */
  readonly container: string;
}

type Rows = readonly (readonly RowValue[])[];
type Given = PlanInput['arguments'];

/** The table functions of PxL (`px.GetTracepointStatus()`, …): their rows are made here when a query asks. */
export class TableFunctions {
  readonly #rows: Readonly<Record<string, (given: Given) => Rows | Promise<Rows>>>;
  readonly #processes: Processes;
  readonly #tracepoints: Tracepoints;
  readonly #store: Store;
  readonly #placeOf: (process: GoProcess) => Place | undefined;

  constructor(parts: {
    identity: Identity;
    /** Where a process is in a cluster. */
    placeOf: (process: GoProcess) => Place | undefined;
    views: ProcessViews;
    tracepoints: Tracepoints;
    store: Store;
    startedNs: bigint;
    /** What a cluster's node knows of Kubernetes' objects: function, key, value, namespace. Undefined: this is none. */
    metadata: () => readonly (readonly string[])[] | undefined;
  }) {
    const { metadata, identity, placeOf, views, tracepoints, store, startedNs } = parts;
    const { processes } = views;
    this.#processes = processes;
    this.#placeOf = placeOf;
    this.#tracepoints = tracepoints;
    this.#store = store;
    this.#rows = {
      GetGoProcesses: () =>
        processes.list().map((process) => {
          const place = placeOf(process);
          return [
            upidWords(process.upid),
            BigInt(process.pid),
            process.executable,
            process.goVersion,
            process.module,
            process.symbols,
            process.debugInfo,
            process.container,
            process.commandLine,
            place?.namespace,
            place?.pod,
            place?.container,
            place?.node,
          ];
        }),
      _GetMetadata: () =>
        metadata() ??
        processes.list().flatMap(({ upid, commandLine, container }) => [
          ['upid_to_cmdline', formatUpid(upid), commandLine, ''],
          ['upid_to_container_id', formatUpid(upid), container, ''],
        ]),
      GetGoFunctions: (given) => functionRows(views, upidOf(given), String(given.match ?? '')),
      GetGoroutines: (given) => goroutineRows(views, upidOf(given)),
      GetTracepointStatus: () => tracepoints.list().map(tracepointRow),
      GetAgentStatus: () => [
        [
          { high: 0n, low: BigInt(identity.agentId) },
          BigInt(identity.agentId),
          hostname(),
          '',
          'AGENT_STATE_HEALTHY',
          startedNs,
          0n,
          false,
        ],
      ],
    };
  }

  static names(): readonly string[] {
    return Object.keys(tableFunctionRelations);
  }

  static relation(name: string): Relation | undefined {
    return Object.hasOwn(tableFunctionRelations, name) ? tableFunctionRelations[name] : undefined;
  }

  /** `visible`: whether rows about this namespace may be seen; default: all may. @throws UserError */
  async rows(
    name: string,
    given: Given,
    visible?: (namespace: string) => boolean,
  ): Promise<{ relation: Relation; batch: RowBatch }> {
    const relation = TableFunctions.relation(name);
    if (!relation) throw new BugError(`there is no table function ${name}`);
    if (given.upid !== undefined && visible !== undefined) this.#requireVisible(upidOf(given), visible);
    const namespaceOf = namespaceReader(name, relation);
    const rows = await (Object.hasOwn(catalogFunctions, name)
      ? catalogFunctions[name]!(catalogOf(this.#store, (table) => this.mayKnow(table, visible)))
      : this.#rows[name]!(given));
    const hides = visible !== undefined && namespaceOf !== undefined;
    const batch = batchOfRows(relation, hides ? rows.filter((row) => visible(namespaceOf(row))) : rows);
    return { relation, batch };
  }

  /** Whether a table has rows of a tracepoint of a namespace that may be seen: then its name and columns may be known. */
  mayKnow(table: string, visible: ((namespace: string) => boolean) | undefined): boolean {
    return visible === undefined || this.#tracepoints.writersOf(table).some((name) => visible(namespaceIn(name)));
  }

  /** Of a process of a hidden namespace nobody learns even that it is there. */
  #requireVisible(upid: Upid, visible: (namespace: string) => boolean): void {
    const process = this.#processes.goProcess(upid.pid);
    const same = process !== undefined && formatUpid(process.upid) === formatUpid(upid);
    if (!same || !visible(this.#placeOf(process)?.namespace ?? ''))
      throw new UserError(`no process that you may see has the UPID ${formatUpid(upid)}; px ps lists them`);
  }
}

function upidOf({ upid }: Given): Upid {
  if (typeof upid !== 'bigint') throw new BugError('a function of a process was called without one');
  return upidFromWords(upid >> 64n, BigInt.asUintN(64, upid));
}

/** How to tell which namespace a row is about; undefined for functions whose rows are about none. */
function namespaceReader(name: string, relation: Relation): ((row: readonly RowValue[]) => string) | undefined {
  if (name === 'GetTracepointStatus') return (row) => namespaceIn(String(row[1]));
  const at = relation.columns.findIndex((column) => column.name === 'namespace');
  return at < 0 ? undefined : (row) => String(row[at] ?? '');
}

function tracepointRow(tracepoint: Tracepoint): readonly RowValue[] {
  const { id, logical, state, reason, hits, kept, rows, drops, owner } = tracepoint;
  const left = BigInt(Math.max(0, tracepoint.expiresAt - Date.now())) * 1_000_000n;
  return [
    parseUuid(id),
    logical.name,
    state.toLowerCase(),
    JSON.stringify(reason === '' ? [] : [reason]),
    JSON.stringify([logical.table]),
    targetText(tracepoint),
    state === 'RUNNING' || state === 'PENDING' ? left : 0n,
    BigInt(hits),
    BigInt(rows),
    BigInt(drops),
    owner,
    BigInt(kept),
  ];
}

/** What the planner may ask of the tables that there are. */
export function catalogOf(store: Store, mayKnow: (table: string) => boolean = () => true): Catalog {
  return {
    table: (name) => (mayKnow(name) ? store.relation(name) : undefined),
    tables: () =>
      current(store)
        .map((table) => table.name)
        .filter(mayKnow),
    tableFunction: (name) => TableFunctions.relation(name),
    tableFunctions: () => TableFunctions.names(),
  };
}

/** Without older versions of tables. */
function current(store: Store): StoredTable[] {
  return store.tables().filter((table) => !table.replaced);
}

/** The target as people read it. */
export function targetText({ logical: { target } }: Tracepoint): string {
  if (target.kind === 'upid') return formatUpid(target.upid);
  return JSON.stringify(target.kind === 'pods' ? target.pods : target.processes);
}
