/** CoreDNS, a DNS server. */
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { address, serveDns } from './dns.ts';
import { type Any, watch } from './watch.ts';

const coredns = 'github.com/coredns/coredns';
const rr = (type: string) => `*github.com/miekg/dns.${type}`;

/** What the server makes of the name of a template's query: its numbers and its address. */
function made(name: string): { groups: Record<string, string>; ip: string } {
  const [, a, b, c] = /^ip-(\d+)-(\d+)-(\d+)\.made\.example\.$/.exec(name)!;
  const [n] = [(Number(a) << 16) | (Number(b) << 8) | Number(c)];
  deepStrictEqual(address(n).slice(1), [a, b, c].map(Number));
  strictEqual(n % 5, 0);
  return { groups: { a: a!, b: b!, c: c! }, ip: `10.${a}.${b}.${c}` };
}

function isMadeAnswer(record: Any, name: string): void {
  deepStrictEqual([record['(type)'], record.Hdr.Name, record.A], [rr('A'), name, made(name).ip]);
  deepStrictEqual([record.Hdr.Rrtype, record.Hdr.Class], [1, 1]);
}

/** The number of a name of the hosts file. */
const host = (name: string) => Number(/^host(\d+)\.hosts\.example\.$/.exec(name)![1]);

watch('CoreDNS', serveDns, [
  {
    function: `${coredns}/core/dnsserver.(*Server).ServeDNS`,
    check({ args }) {
      const { ctx, w, r } = args as Any;
      deepStrictEqual([r.MsgHdr.Response, r.MsgHdr.Opcode, r.MsgHdr.RecursionDesired], [false, 0, true]);
      const [{ Name, Qtype, Qclass }] = r.Question;
      const types: Record<string, readonly number[]> = { made: [1], hosts: [1, 28], zone: [16, 15] };
      ok(types[/(\w+)\.example\.$/.exec(Name)![1]!]!.includes(Qtype), Name);
      strictEqual(Qclass, 1);
      deepStrictEqual([r.Extra[0]['(type)'], r.Extra[0].Hdr.Rrtype, r.Extra[0].Hdr.Class], [rr('OPT'), 41, 1232]);
      strictEqual(w['(type)'], '*github.com/miekg/dns.response');
      ok(ctx['='].values.length > 0);
    },
  },
  {
    function: `${coredns}/plugin/template.Handler.ServeDNS`,
    check({ args, results }) {
      const { h, r } = args as Any;
      deepStrictEqual([h.Zones, h.Next, results], [['made.example.'], null, { $0: 0, $1: null }]);
      made(r.Question[0].Name);
    },
  },
  {
    function: `${coredns}/plugin/template.executeRRTemplate`,
    check({ args, results }) {
      const { section, template, data } = args as Any;
      const { groups } = made(data.Name);
      strictEqual(section, 'answer');
      strictEqual(template.name, 'answer');
      deepStrictEqual([data.Zone, data.Class, data.Type, data.Remote], ['made.example.', 'IN', 'A', '127.0.0.1']);
      deepStrictEqual(data.Match, [data.Name, ...Object.values(groups)]);
      for (const [name, value] of Object.entries(groups)) strictEqual(data.Group[name], value);
      isMadeAnswer((results as Any).$0, data.Name);
      strictEqual((results as Any).$1, null);
    },
  },
  {
    function: `${coredns}/plugin/hosts.(*Hostsfile).lookupStaticHostFamily`,
    check({ args, results }) {
      const { h, host: name, v4 } = args as Any;
      deepStrictEqual(h.Origins, ['hosts.example.']);
      const n = host(name);
      deepStrictEqual(results, { $0: [v4 ? `192.0.2.${n}` : n === 0 ? '2001:db8::' : `2001:db8::${n.toString(16)}`] });
    },
  },
  {
    // Inlined; its slice's words are on the stack, in two places, and not told at each copy.
    function: `${coredns}/plugin/hosts.a`,
    check({ args, notes }) {
      const { zone, ttl, ips } = args as Any;
      strictEqual(ttl, 3600);
      if (notes?.['args.ips'] === undefined) deepStrictEqual(ips, [`192.0.2.${host(zone)}`]);
      else host(zone);
    },
    lacks: { results: /inlined copy/, 'args.ips': /dead here/ },
  },
  {
    function: `${coredns}/plugin/file.(*Zone).Lookup`,
    check({ args, results }) {
      const { z, qname } = args as Any;
      const { $0: answers, $1: ns, $3: result } = results as Any;
      strictEqual(z.origin, 'zone.example.');
      const [, n] = /^t(\d+)\.zone\.example\.$/.exec(qname) ?? [];
      if (n === undefined) {
        ok(/^gone-\d+\.zone\.example\.$/.test(qname));
        deepStrictEqual([answers, result], [null, 1]);
        deepStrictEqual([ns[0]['(type)'], ns[0].Serial, ns[0].Mbox], [rr('SOA'), 2026113001, 'admin.zone.example.']);
      } else {
        deepStrictEqual([answers[0]['(type)'], answers[0].Hdr.Name, answers[0].Txt], [rr('TXT'), qname, [`text ${n}`]]);
        deepStrictEqual([ns[0]['(type)'], ns[0].Ns, result], [rr('NS'), 'ns.zone.example.', 0]);
      }
    },
  },
  {
    function: `${coredns}/plugin/cache.newItem`,
    check({ args, results, time }) {
      const { m, now, d } = args as Any;
      const { $0: item } = results as Any;
      const [{ Name }] = m.Question;
      isMadeAnswer(m.Answer[0], Name);
      isMadeAnswer(item.Answer[0], Name);
      deepStrictEqual([d, item.origTTL, item.Name], ['1s', 1, Name]);
      deepStrictEqual(item.stored, now);
      ok(Math.abs(Date.parse(now.time) - Date.parse(time)) < 1000, `${now.time} at ${time}`);
    },
  },
  {
    function: `${coredns}/plugin/cache.key`,
    check({ args, results }) {
      const { qname, m, t, do: dnssec, cd } = args as Any;
      isMadeAnswer(m.Answer[0], qname);
      deepStrictEqual([t, dnssec, cd, (results as Any).$0], [0, false, false, true]);
    },
  },
  {
    function: `${coredns}/plugin/cache.computeTTL`,
    check({ args }) {
      const { msgTTL, maxTTL } = args as Any;
      deepStrictEqual([msgTTL, maxTTL], ['1s', '1s']);
    },
    lacks: { results: /inlined copy/ },
  },
  {
    function: `${coredns}/plugin/cache.(*ResponseWriter).WriteMsg`,
    // The writer leads to the whole server, which fills an event of the default size.
    flags: ['--event-bytes', '65536'],
    check({ args, results }) {
      const { w, res } = args as Any;
      isMadeAnswer(res.Answer[0], res.Question[0].Name);
      strictEqual(w.Cache.Zones[0], 'made.example.');
      deepStrictEqual(results, { $0: null });
    },
  },
  {
    function: 'github.com/miekg/dns.(*Msg).unpack',
    check({ args, results }) {
      const { dh, msg, off } = args as Any;
      deepStrictEqual([dh.Qdcount, dh.Ancount, dh.Arcount, off, results], [1, 0, 1, 12, { err: null }]);
      const packet = typeof msg === 'string' ? Buffer.from(msg) : Buffer.from(msg.hex, 'hex');
      deepStrictEqual([packet.readUInt16BE(0), packet.readUInt16BE(2)], [dh.Id, dh.Bits]);
      ok(packet.includes('\x07example\0'));
    },
  },
]);
