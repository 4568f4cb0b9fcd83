import { hostname } from 'node:os';
import { BugError } from '#base';
import { UserError } from '#door';
import {
  formatUpid,
  parseUuid,
  type Relation,
  type RowBatch,
  RowBatchBuilder,
  type Upid,
  upidFromWords,
  upidWords,
} from '#model';
import {
  aggregateList,
  type Catalog,
  functionList,
  type PlanInput,
  tableFunctionList,
  tableFunctionRelations,
} from '#planner';
import type { Store, StoredTable } from '#store';
import type { Identity } from './identity.ts';
import { functionRows, goroutineRows, type ProcessViews } from './process-rows.ts';
import type { GoProcess } from './processes.ts';
import type { Tracepoint, Tracepoints } from './tracepoints.ts';

/** Where a process is in a cluster; the names are empty where they are not known (yet). */
export interface Place {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  /** The container's name in its pod. */
  readonly container: string;
}

type Rows = readonly (readonly Value[])[];
type Given = PlanInput['arguments'];
type Value = string | bigint | boolean | { readonly high: bigint; readonly low: bigint } | undefined;

/** The table functions of PxL (`px.GetTracepointStatus()`, …): their rows are made here when a query asks. */
export class TableFunctions {
  readonly #rows: Readonly<Record<string, (given: Given) => Rows | Promise<Rows>>>;

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
      GetUDFList: functionList,
      GetUDAList: aggregateList,
      GetUDTFList: tableFunctionList,
      GetTables: () => current(store).map((table) => [table.name, '']),
      GetSchemas: () =>
        current(store).flatMap((table) =>
          table.relation.columns.map((column) => [
            table.name,
            column.name,
            column.unsigned ? 'UINT64' : column.type,
            'GENERAL',
            column.description ?? '',
          ]),
        ),
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
    const builder = new RowBatchBuilder(relation.columns.map((column) => column.type));
    const namespaceOf = namespaceReader(name, relation);
    for (const row of await this.#rows[name]!(given)) {
      if (visible !== undefined && namespaceOf !== undefined && !visible(namespaceOf(row))) continue;
      row.forEach((value, i) => {
        const column = builder.column(i);
        if (value === undefined) column.missing();
        else if (typeof value === 'string') column.text(value);
        else if (typeof value === 'bigint') column.int(value);
        else if (typeof value === 'boolean') column.boolean(value);
        else column.uint128(value.high, value.low);
      });
      builder.endRow();
    }
    return { relation, batch: builder.finish() };
  }
}

function upidOf({ upid }: Given): Upid {
  if (typeof upid === 'bigint') return upidFromWords(upid >> 64n, BigInt.asUintN(64, upid));
  // A cluster's broker asks every node, and hands no arguments on.
  throw new UserError('this is asked of one machine: px run --local, there');
}

/** How to tell which namespace a row is about; undefined for functions whose rows are about none. */
function namespaceReader(name: string, relation: Relation): ((row: readonly Value[]) => string) | undefined {
  // In a cluster the agent knows a tracepoint as namespace/name.
  if (name === 'GetTracepointStatus') return (row) => /^([^/]*)\//.exec(String(row[1]))?.[1] ?? '';
  const at = relation.columns.findIndex((column) => column.name === 'namespace');
  return at < 0 ? undefined : (row) => String(row[at] ?? '');
}

function tracepointRow(tracepoint: Tracepoint): readonly Value[] {
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
export function catalogOf(store: Store): Catalog {
  return {
    table: (name) => store.relation(name),
    tables: () => current(store).map((table) => table.name),
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
