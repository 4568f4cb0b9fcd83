/** etcd, a key-value store; its messages are protobuf's. */
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { key, serveEtcd, value } from './etcd.ts';
import { type Any, watch } from './watch.ts';

const etcd = 'go.etcd.io/etcd/server/v3';
const rpc = `${etcd}/etcdserver/api/v3rpc`;

function numberOf(text: string): number {
  const n = Number(/^key\/(\d+)\//.exec(text)![1]);
  strictEqual(text, key(n));
  return n;
}

/** For what lies deep in a message. */
const deep = ['--depth', '8'];

const lease = (n: number) => (n % 3 === 0 ? 1_000_000_000_000 + n : 0);

/** A put of the load's, which a transaction may repeat with another value. */
function isPut({ Key, Value, Lease }: Any): number {
  const n = numberOf(Key);
  if (Value === `${value(n)}!`) strictEqual(Lease, 0);
  else deepStrictEqual([Value, Lease], [value(n), lease(n)]);
  return n;
}

watch('etcd', () => serveEtcd(), [
  {
    function: `${rpc}.(*kvServer).Put`,
    check({ args, results }) {
      const { ctx, r } = args as Any;
      isPut(r);
      strictEqual(r.PrevKv, true);
      ok(ctx['='].values.length > 0);
      const { $0: answer, $1: error } = results as Any;
      ok(answer.Header.Revision > 1 && answer.Header.RaftTerm > 0);
      deepStrictEqual([answer.PrevKv, error], [null, null]);
    },
  },
  {
    function: `${rpc}.(*kvServer).Range`,
    check({ args, results }) {
      const { r } = args as Any;
      const n = numberOf(r.Key);
      deepStrictEqual([r.Limit, r.RangeEnd, r.Serializable], [n, null, false]);
      const [found] = (results as Any).$0.Kvs;
      deepStrictEqual([found.Key, found.Value, found.Version, found.Lease], [key(n), value(n), 1, lease(n)]);
      strictEqual((results as Any).$0.Count, 1);
    },
  },
  {
    function: `${rpc}.(*kvServer).Txn`,
    flags: deep,
    check({ args, results }) {
      const { r } = args as Any;
      const n = numberOf(r.Compare[0].Key);
      strictEqual(n % 3, 1);
      deepStrictEqual([r.Compare[0].Result, r.Compare[0].Target], [0, 3]);
      const target = r.Compare[0].TargetUnion;
      strictEqual(target['(type)'].split('.').at(-1), 'Compare_Value');
      strictEqual(target.Value, value(n));
      strictEqual(isPut(r.Success[0].Request.RequestPut), n);
      deepStrictEqual([(results as Any).$0.Succeeded, (results as Any).$1], [true, null]);
    },
  },
  {
    function: `${rpc}.(*kvServer).DeleteRange`,
    check({ args, results }) {
      numberOf((args as Any).r.Key);
      deepStrictEqual([(results as Any).$0.Deleted, (results as Any).$1], [1, null]);
    },
  },
  {
    function: `${rpc}.(*LeaseServer).LeaseGrant`,
    check({ args, results }) {
      const { ID, TTL } = (args as Any).cr;
      const n = ID - 1_000_000_000_000;
      deepStrictEqual([n % 3, TTL], [0, 600 + (n % 100)]);
      deepStrictEqual([(results as Any).$0.ID, (results as Any).$0.TTL, (results as Any).$1], [ID, TTL, null]);
    },
  },
  {
    function: `${etcd}/lease.(*lessor).Grant`,
    check({ args, results, time }) {
      const { id, ttl } = args as Any;
      const n = id - 1_000_000_000_000;
      deepStrictEqual([n % 3, ttl], [0, 600 + (n % 100)]);
      const { $0: made, $1: error } = results as Any;
      deepStrictEqual([made.ID, made.ttl, error], [id, ttl, null]);
      ok(
        Math.abs(Date.parse(made.expiry.time) - Date.parse(time) - 1000 * ttl) < 5000,
        `${made.expiry.time} at ${time}`,
      );
    },
  },
  {
    function: `${etcd}/storage/mvcc.(*storeTxnWrite).put`,
    check({ args }) {
      const { key: Key, value: Value, leaseID } = args as Any;
      isPut({ Key, Value, Lease: leaseID });
    },
  },
  {
    function: `${etcd}/storage/mvcc.(*keyIndex).put`,
    check({ args }) {
      const { ki, main, sub } = args as Any;
      numberOf(ki.key);
      ok(main > 1 && sub === 0);
      ok(ki.modified.Main < main);
    },
  },
  {
    function: `${rpc}.checkPutRequest`,
    check({ args }) {
      isPut((args as Any).r);
    },
    lacks: { results: /inlined copy/, latency: /inlined copy/ },
  },
  {
    function: `${etcd}/etcdserver.(*EtcdServer).processInternalRaftRequestOnce`,
    flags: deep,
    check({ args, results }) {
      const { r } = args as Any;
      strictEqual((results as Any).$1, null);
      if (r.Put !== null) isPut(r.Put);
      else if (r.DeleteRange !== null) numberOf(r.DeleteRange.Key);
      else if (r.LeaseGrant !== null) ok(r.LeaseGrant.ID > 1_000_000_000_000);
      else if (r.Txn === null && r.LeaseRevoke === null) return false;
    },
  },
  {
    function: `${etcd}/storage/mvcc.(*watchableStore).notify`,
    check({ args }) {
      const { rev, evs } = args as Any;
      numberOf(evs[0].Kv.Key);
      strictEqual(evs[0].Kv.ModRevision, rev);
      ok([0, 1].includes(evs[0].Type));
    },
  },
]);
