/** nats-server, a message broker. */
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { headersOf, headerText, payload, serveNats } from './nats.ts';
import { type Any, watch } from './watch.ts';

const pkg = 'github.com/nats-io/nats-server/v2/server';
const bytes = (text: string) => Buffer.byteLength(text);

/** The number in a subject of the load's; undefined: another's. */
function numberIn(subject: string): number | undefined {
  const [, n] = /^(?:back|group|orders|once|own)\.(\d+)(?:\.x)?$/.exec(subject) ?? [];
  return n === undefined ? undefined : Number(n);
}

/** Of requests that have headers, as `nats.ts` makes them. */
const head = (n: number) => (n % 5 === 1 || n % 5 === 2 ? headerText(headersOf(n)) : '');

let stored = 0;

watch('nats-server', serveNats, [
  {
    function: `${pkg}.(*client).processPub`,
    check({ args, results }) {
      const { c, arg } = args as Any;
      const [subject, size] = arg.split(' ');
      const n = numberIn(subject);
      if (n === undefined) return false;
      strictEqual(Number(size), bytes(payload(n)));
      deepStrictEqual([c.kind, results], [0, { $0: null }]);
      ok(c.stats.inMsgs >= 0 && c.srv.stats.inMsgs > 0);
    },
  },
  {
    function: `${pkg}.(*client).processHeaderPub`,
    check({ args, results }) {
      const [subject, reply, size, total] = (args as Any).arg.split(' ');
      const n = numberIn(subject)!;
      strictEqual(reply, n % 5 === 1 ? `answer.${n}` : `back.${n}`);
      deepStrictEqual([Number(size), Number(total)], [bytes(head(n)), bytes(head(n)) + bytes(payload(n))]);
      deepStrictEqual(results, { $0: null });
    },
  },
  {
    function: `${pkg}.(*client).processInboundMsg`,
    check({ args }) {
      const n = Number(/(?:^|\r\n\r\n)(\d+): größe/.exec((args as Any).msg)?.[1] ?? Number.NaN);
      if (Number.isNaN(n)) return false;
      strictEqual((args as Any).msg, `${head(n)}${payload(n)}\r\n`);
    },
  },
  {
    function: `${pkg}.(*client).deliverMsg`,
    check({ args, results }) {
      const { prodIsMQTT, sub, subject, mh, msg, gwrply } = args as Any;
      const n = numberIn(subject);
      if (n === undefined || !msg.includes(': größe')) return false;
      deepStrictEqual([prodIsMQTT, gwrply, results], [false, false, { $0: true }]);
      strictEqual(sub.subject, n % 5 === 3 ? `once.${n}.*` : n % 5 === 4 ? `own.${n}` : `${subject.split('.')[0]}.>`);
      strictEqual(msg, `${head(n)}${payload(n)}\r\n`);
      ok(mh.startsWith(head(n) === '' ? `MSG ${subject} ` : `HMSG ${subject} `), mh);
    },
  },
  {
    function: `${pkg}.(*client).msgHeader`,
    check({ args, results }) {
      const { subj, sub } = args as Any;
      const n = numberIn(subj);
      const text = (results as Any).$0 as string;
      if (n === undefined || n % 5 === 2) return false;
      const fields = [subj, sub.sid, ...(n % 5 === 1 ? [`answer.${n}`] : [])].join(' ');
      const total = bytes(head(n)) + bytes(payload(n));
      strictEqual(
        text,
        head(n) === '' ? `MSG ${fields} ${total}\r\n` : `HMSG ${fields} ${bytes(head(n))} ${total}\r\n`,
      );
    },
  },
  {
    function: `${pkg}.(*client).processSub`,
    check({ args, notes }) {
      const { subject, queue, bsid } = args as Any;
      const [, kind, n] = /^(once|own)\.(\d+)(?:\.\*)?$/.exec(subject)!;
      if (notes?.['args.queue'] === undefined) strictEqual(queue, kind === 'once' ? `q${n}` : null);
      if (notes?.['args.bsid'] === undefined) strictEqual(bsid, kind === 'once' ? n : '7');
    },
    lacks: {
      results: /inlined copy/,
      'args.queue': /dead here/,
      'args.bsid': /dead here/,
      'args.cb': /dead here/,
      'args.noForward': /dead here/,
    },
  },
  {
    function: `${pkg}.(*Sublist).Insert`,
    check({ args }) {
      const { subject, queue, sid } = (args as Any).sub;
      const [, kind, n] = /^(once|own)\.(\d+)(?:\.\*)?$/.exec(subject)!;
      deepStrictEqual([queue, sid], kind === 'once' ? [`q${n}`, n] : [null, '7']);
    },
    lacks: { results: /inlined copy|ranges over a function/ },
  },
  {
    function: `${pkg}.(*Sublist).Match`,
    check({ args }) {
      const { s, subject } = args as Any;
      ok(s.genid > 0 && s.inserts >= s.removes);
      if (subject !== null && numberIn(subject) === undefined) return false;
    },
    lacks: { results: /inlined copy/, 'args.subject': /dead here/ },
  },
  {
    function: `${pkg}.(*memStore).StoreMsg`,
    check({ args, results, time }) {
      const { ms, subj, hdr, msg, ttl } = args as Any;
      const { $0: seq, $1: ns, $2: error } = results as Any;
      const n = numberIn(subj)!;
      deepStrictEqual([hdr, msg, ttl, error], [head(n), payload(n), 0, null]);
      deepStrictEqual([ms.cfg.Name, ms.cfg.Subjects, ms.cfg.Metadata?.team], ['orders', ['orders.>'], 'blüte']);
      ok(seq > stored, `${seq} after ${stored}`);
      stored = seq;
      ok(Math.abs(Number(ns) / 1e6 - Date.parse(time)) < 1000);
    },
  },
  {
    function: `${pkg}.(*stream).processInboundJetStreamMsg`,
    check({ args }) {
      const { subject, reply, rmsg } = args as Any;
      const n = numberIn(subject)!;
      deepStrictEqual([reply, rmsg], [`back.${n}`, `${head(n)}${payload(n)}`]);
    },
  },
  {
    function: `${pkg}.(*client).processConnect`,
    check({ args, results }) {
      const { name, ...rest } = JSON.parse((args as Any).arg);
      ok(/^client \d+$/.test(name));
      deepStrictEqual(
        [rest, results],
        [{ verbose: false, headers: true, lang: 'größe', version: '1.2.3' }, { $0: null }],
      );
    },
  },
]);
