import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '#door';
import { type Column, implicitColumns, type LogicalTracepoint, type Relation } from '#model';
import type { Store } from '#store';
import type { Deployer, Deployment, DeploymentSink } from './deployment.ts';
import { Tracepoints } from './tracepoints.ts';

const int = (name: string): Column => ({ name, type: 'INT64', semantic: 'ST_NONE' });
const relationOf = (...names: string[]): Relation => ({ columns: [...implicitColumns, ...names.map(int)] });

function logical(change: Partial<LogicalTracepoint> = {}): LogicalTracepoint {
  return {
    name: 'calls',
    table: 'calls',
    target: { kind: 'upid', upid: { agentId: 1, pid: 2, startTicks: 3n } },
    ttlNs: 60_000_000_000n,
    probes: [{ function: 'main.f', columns: [{ name: 'n', capture: { kind: 'argument', text: 'n' } }] }],
    ...change,
  };
}

/** Deploys by remembering; what a deployment would tell is told by the test. */
class FakeDeployer {
  readonly deployed: { logical: LogicalTracepoint; sink: DeploymentSink; closed: boolean }[] = [];
  relation = relationOf('n');
  failure: Error | undefined;

  async deploy(logical: LogicalTracepoint, sink: DeploymentSink): Promise<Deployment> {
    if (this.failure) throw this.failure;
    await sink.relation(this.relation);
    const record = { logical, sink, closed: false };
    this.deployed.push(record);
    const deployment = {
      upid: logical.target.kind === 'upid' ? logical.target.upid : undefined,
      hits: 0,
      skipped: [],
      awayNs: 0n,
      drops: 0,
      flush: async () => {},
      close: async () => {
        record.closed = true;
      },
    };
    return deployment as unknown as Deployment;
  }
}

class FakeStore {
  readonly created: string[] = [];
  readonly rows = new Map<string, number>();

  async createTable(name: string): Promise<void> {
    this.created.push(name);
  }
  refuses: Error | undefined;
  async append(name: string, batch: { rows: number }): Promise<void> {
    if (this.refuses) throw this.refuses;
    this.rows.set(name, (this.rows.get(name) ?? 0) + batch.rows);
  }
}

let deployer: FakeDeployer;
let store: FakeStore;
let tracepoints: Tracepoints;

beforeEach(() => {
  vi.useFakeTimers();
  deployer = new FakeDeployer();
  store = new FakeStore();
  tracepoints = new Tracepoints(deployer as unknown as Deployer, store as unknown as Store);
});
afterEach(async () => {
  await tracepoints.close();
  vi.useRealTimers();
});

describe('upsert', () => {
  it('renews the time to live of the same tracepoint and leaves its probes alone', async () => {
    const first = await tracepoints.upsert(logical(), 'me');
    vi.advanceTimersByTime(50_000);
    const second = await tracepoints.upsert(logical({ ttlNs: 30_000_000_000n }), 'me');
    expect(second).toBe(first);
    expect(deployer.deployed).toHaveLength(1);
    vi.advanceTimersByTime(29_000);
    expect(first.state).toBe('RUNNING');
    vi.advanceTimersByTime(2_000);
    expect(first).toMatchObject({ state: 'TERMINATED', reason: 'its time to live has passed' });
  });

  it.each([
    ['another target', { target: { kind: 'upid', upid: { agentId: 1, pid: 9, startTicks: 3n } } }],
    ['another function', { probes: [{ function: 'main.g', columns: [] }] }],
    ['another table', { table: 'other' }],
  ] as const)('replaces the probes for %s', async (_, change) => {
    await tracepoints.upsert(logical(), 'me');
    await tracepoints.upsert(logical(change), 'me');
    expect(deployer.deployed.map(({ closed }) => closed)).toEqual([true, false]);
    expect(tracepoints.list()).toHaveLength(1);
  });

  it('ignores where in the script it stands', async () => {
    const span = { start: 1, end: 2, line: 3, column: 4 };
    await tracepoints.upsert(logical(), 'me');
    await tracepoints.upsert(logical({ span }), 'me');
    expect(deployer.deployed).toHaveLength(1);
  });

  it('of several at once under one name the last one stands, and nothing of the others is left', async () => {
    const upserts = ['main.a', 'main.b', 'main.c', 'main.c'].map((name) =>
      tracepoints.upsert(logical({ probes: [{ function: name, columns: [] }] }), 'me'),
    );
    await Promise.all(upserts);
    expect(deployer.deployed.map((each) => [each.logical.probes[0]!.function, each.closed])).toEqual([
      ['main.a', true],
      ['main.b', true],
      ['main.c', false],
    ]);
    expect(tracepoints.list().map(({ state }) => state)).toEqual(['RUNNING']);
  });

  it('tries a failed one again', async () => {
    deployer.failure = new UserError('there is no function main.f');
    await expect(tracepoints.upsert(logical(), 'me')).rejects.toThrow('there is no function main.f');
    expect(tracepoints.list()[0]).toMatchObject({ state: 'FAILED', reason: 'there is no function main.f' });
    deployer.failure = undefined;
    expect((await tracepoints.upsert(logical(), 'me')).state).toBe('RUNNING');
  });

  it('lives longer than a timer can, when told so', async () => {
    const tracepoint = await tracepoints.upsert(logical({ ttlNs: 90n * 86_400_000_000_000n }), 'me');
    await vi.advanceTimersByTimeAsync(2 ** 31);
    expect(tracepoint.state).toBe('RUNNING');
  });
});

describe('tables', () => {
  it('refuses other columns than those of another live tracepoint', async () => {
    await tracepoints.upsert(logical(), 'me');
    deployer.relation = relationOf('n', 'm');
    await expect(tracepoints.upsert(logical({ name: 'second' }), 'me')).rejects.toThrow(/calls.*other columns/);
  });

  it('takes equal columns of several, and new columns of a sole writer', async () => {
    await tracepoints.upsert(logical(), 'me');
    await tracepoints.upsert(logical({ name: 'second' }), 'me');
    expect(tracepoints.live).toBe(2);
    await tracepoints.delete('second', 'deleted');
    deployer.relation = relationOf('n', 'm');
    const changed = logical({ probes: [{ function: 'main.f', columns: [] }] });
    expect((await tracepoints.upsert(changed, 'me')).state).toBe('RUNNING');
  });
});

describe('rows that cannot be stored', () => {
  it('are counted and told, whether the store refuses them or loses them later', async () => {
    const tracepoint = await tracepoints.upsert(logical(), 'me');
    deployer.deployed[0]!.sink.batch({ rows: 3, columns: [] });
    tracepoints.lost('calls', 2, 'no space left');
    expect(tracepoint).toMatchObject({ lost: 2, reason: '2 rows could not be stored: no space left' });
    store.refuses = new Error('the store has failed');
    deployer.deployed[0]!.sink.batch({ rows: 5, columns: [] });
    await vi.advanceTimersByTimeAsync(0);
    expect(tracepoint).toMatchObject({ state: 'RUNNING', rows: 8, lost: 7 });
    expect(tracepoint.reason).toContain('the store has failed');
  });
});

describe('whose a table is', () => {
  it('names those that have written it as it is now, also when they have ended', async () => {
    await tracepoints.upsert(logical({ name: 'shop/one' }), 'me');
    await tracepoints.upsert(logical({ name: 'bank/two' }), 'me');
    expect(tracepoints.writersOf('calls')).toEqual(['shop/one', 'bank/two']);
    await tracepoints.delete('bank/two', 'deleted');
    expect(tracepoints.writersOf('calls')).toEqual(['shop/one', 'bank/two']);
    await tracepoints.delete('shop/one', 'deleted');
    deployer.relation = relationOf('other');
    await tracepoints.upsert(logical({ name: 'shop/three' }), 'me');
    expect(tracepoints.writersOf('calls')).toEqual(['shop/three']);
    expect(tracepoints.writersOf('none')).toEqual([]);
  });

  it('a refusal tells nobody the columns of another namespace', async () => {
    await tracepoints.upsert(logical({ name: 'shop/one' }), 'me');
    deployer.relation = relationOf('other');
    const refusal = (name: string) =>
      tracepoints.upsert(logical({ name }), 'me').catch((error: Error) => error.message);
    expect(await refusal('shop/two')).toMatch(/is written by tracepoint shop\/one with other columns: .*n INT64/);
    expect(await refusal('bank/two')).toMatch(/is written by a tracepoint of another namespace with other columns$/m);
  });
});

describe('the end', () => {
  it('keeps what a deployment says when it ends by itself', async () => {
    const tracepoint = await tracepoints.upsert(logical(), 'me');
    deployer.deployed[0]!.sink.ended('FAILED', 'it cost too much');
    await vi.advanceTimersByTimeAsync(0);
    expect(tracepoint).toMatchObject({ state: 'FAILED', reason: 'it cost too much' });
    expect(deployer.deployed[0]!.closed).toBe(true);
    expect(tracepoints.live).toBe(0);
  });

  it('counts rows, and takes a deleted one off the list', async () => {
    const tracepoint = await tracepoints.upsert(logical(), 'me');
    deployer.deployed[0]!.sink.batch({ rows: 3, columns: [] });
    expect(tracepoint.rows).toBe(3);
    expect(store.rows.get('calls')).toBe(3);
    expect(await tracepoints.delete('calls', 'deleted')).toBe(true);
    expect(await tracepoints.delete('calls', 'deleted')).toBe(false);
    expect(tracepoints.list()).toEqual([]);
  });
});

describe('a selector', () => {
  const pods = { kind: 'pods', pods: { namespace: 'shop' } } as const;
  const first = { agentId: 1, pid: 10, startTicks: 1n };
  const second = { agentId: 1, pid: 11, startTicks: 1n };
  const state = () => {
    const { state: now, reason, processes } = tracepoints.list()[0]!;
    return { now, reason, processes };
  };

  beforeEach(async () => {
    await tracepoints.upsert(logical({ target: pods }), 'me');
  });

  it('waits for a process, traces those that come, and goes on when they end', async () => {
    expect(state()).toEqual({ now: 'PENDING', reason: 'waiting for a process that it fits', processes: 0 });
    await tracepoints.follow('calls', [first]);
    expect(state()).toEqual({ now: 'RUNNING', reason: '', processes: 1 });
    await tracepoints.follow('calls', [first, second]);
    expect(deployer.deployed.map((each) => each.logical.target)).toEqual([
      { kind: 'upid', upid: first },
      { kind: 'upid', upid: second },
    ]);
    deployer.deployed[0]!.sink.ended('TERMINATED', 'the process has ended');
    deployer.deployed[1]!.sink.ended('TERMINATED', 'the process has ended');
    expect(state()).toMatchObject({ now: 'PENDING', processes: 0 });
  });

  it('places one probe in a process that it is told of twice at once', async () => {
    await Promise.all([tracepoints.follow('calls', [first]), tracepoints.follow('calls', [first])]);
    expect(deployer.deployed).toHaveLength(1);
  });

  it('lets go of a process that it no longer fits', async () => {
    await tracepoints.follow('calls', [first, second]);
    await tracepoints.follow('calls', [second]);
    expect(deployer.deployed.map((each) => each.closed)).toEqual([true, false]);
    expect(state()).toMatchObject({ now: 'RUNNING', processes: 1 });
  });

  it('says why it failed, tries no process twice, and takes the next one', async () => {
    deployer.failure = new UserError('no function main.f');
    await tracepoints.follow('calls', [first]);
    expect(state()).toEqual({ now: 'FAILED', reason: 'no function main.f', processes: 0 });
    deployer.failure = undefined;
    await tracepoints.follow('calls', [first]);
    expect(deployer.deployed).toHaveLength(0);
    await tracepoints.follow('calls', [first, second]);
    expect(state()).toEqual({ now: 'RUNNING', reason: 'no function main.f', processes: 1 });
  });

  it('placed in none of the processes that there are: says why, goes on looking, and is tried anew when it is placed again', async () => {
    tracepoints.onSelector = () => tracepoints.follow('named', [first]);
    const named = logical({
      name: 'named',
      table: 'named',
      target: { kind: 'processes', processes: { name: 'server' } },
    });
    deployer.failure = new UserError('no function main.f');
    await expect(tracepoints.upsert(named, 'me')).rejects.toThrow('no function main.f');
    await expect(tracepoints.upsert(named, 'me')).rejects.toThrow('no function main.f');
    deployer.failure = undefined;
    expect(tracepoints.list().find((each) => each.logical.name === 'named')).toMatchObject({ state: 'FAILED' });
    await tracepoints.follow('named', [first, second]);
    expect(deployer.deployed).toHaveLength(1);
    expect(await tracepoints.upsert(named, 'me')).toMatchObject({ state: 'RUNNING' });
  });

  it('refuses a process with other columns while another is traced', async () => {
    await tracepoints.follow('calls', [first]);
    deployer.relation = relationOf('other');
    await tracepoints.follow('calls', [first, second]);
    expect(state()).toMatchObject({ now: 'RUNNING', processes: 1 });
    expect(state().reason).toMatch(/other columns .*other INT64/);
  });

  it('takes a process that is off its budget off, and the rest stays', async () => {
    await tracepoints.follow('calls', [first, second]);
    deployer.deployed[0]!.sink.ended('FAILED', 'it cost too much');
    await tracepoints.follow('calls', [first, second]);
    expect(deployer.deployed).toHaveLength(2);
    expect(state()).toEqual({ now: 'RUNNING', reason: 'it cost too much', processes: 1 });
  });

  it('tells a few of the reasons of many processes', async () => {
    const many = Array.from({ length: 9 }, (_, i) => ({ agentId: 1, pid: 20 + i, startTicks: 1n }));
    await tracepoints.follow('calls', many);
    deployer.deployed.slice(0, 8).forEach(({ sink }, i) => {
      sink.ended('FAILED', `${i} calls a second are too many`);
    });
    expect(state().processes).toBe(1);
    expect(state().reason.split('\n')).toEqual([
      ...[0, 1, 2, 3, 4].map((i) => `${i} calls a second are too many`),
      'and 3 more reasons',
    ]);
  });

  it('ends with its time to live and takes no process then', async () => {
    await tracepoints.follow('calls', [first]);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(state()).toMatchObject({ now: 'TERMINATED', processes: 0 });
    expect(deployer.deployed[0]!.closed).toBe(true);
    await tracepoints.follow('calls', [second]);
    expect(deployer.deployed).toHaveLength(1);
  });

  it('the same selector again renews, with no process there either', async () => {
    const before = tracepoints.list()[0]!;
    expect(await tracepoints.upsert(logical({ target: pods, ttlNs: 90_000_000_000n }), 'me')).toBe(before);
  });
});
