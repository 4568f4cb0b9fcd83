import { type Column, type EventLayout, header, headerSize, implicitColumns, type RowBatch } from '#model';
import { EventDecoder, type PanicShape, type ProbePlan } from '#probe';
import { generator } from './random.ts';

const layout: EventLayout = {
  size: headerSize + 8 + 4 * 8 + 8 + 16,
  slots: [
    { kind: 'int', offset: headerSize + 8, status: headerSize },
    { kind: 'uint', offset: headerSize + 16, status: headerSize + 1 },
    { kind: 'bool', offset: headerSize + 24, status: headerSize + 2 },
    { kind: 'address', offset: headerSize + 32, status: headerSize + 3 },
    { kind: 'string', offset: headerSize + 40, status: headerSize + 4, maxBytes: 16 },
  ],
};
const types = ['INT64', 'INT64', 'BOOLEAN', 'STRING', 'STRING'] as const;
const column = (name: string, type: Column['type']): Column => ({ name, type, semantic: 'ST_NONE' });
const columns: ProbePlan['columns'] = [
  ...types.map((type, slot) => ({
    column: column(`c${slot}`, type),
    source: { kind: 'entry', shape: { kind: 'slot', slot } } as const,
  })),
  {
    column: column('results', 'STRING'),
    source: {
      kind: 'return',
      shape: { kind: 'object', fields: types.map((_, slot) => ({ name: `"${slot}`, value: { kind: 'slot', slot } })) },
    },
  },
  { column: column('latency', 'INT64'), source: { kind: 'latency' } },
  { column: column('outcome', 'STRING'), source: { kind: 'outcome' } },
  { column: column('panic', 'STRING'), source: { kind: 'panic' } },
  { column: column('id', 'INT64'), source: { kind: 'call-id' } },
  { column: column('parent', 'INT64'), source: { kind: 'parent-call-id' } },
  { column: column('own', 'INT64'), source: { kind: 'own-time' } },
];
/** What is panicked with is the string; the other words stand for those of the runtime. */
const panic: PanicShape = {
  layout,
  value: { kind: 'slot', slot: 4 },
  stackEnd: 0,
  deferring: [{ frame: 1, started: 2 }, { frame: 3 }],
};
const plans: ProbePlan[] = ['main.a', 'main.b'].map((fn) => ({
  function: fn,
  columns,
  entry: layout,
  return: layout,
  rowAtEntry: false,
  panic,
  tree: { entry: 1, return: 1 },
}));
const relation = { columns: [...implicitColumns, ...columns.map((each) => each.column)] };

/** Whatever is in the ring: whole rows of valid UTF-8 and JSON, as many as calls that ended, within bounds; never an exception. */
export function run(options: { milliseconds: number; seed?: number }): number {
  const seed = options.seed ?? (Math.random() * 0x1_0000_0000) >>> 0;
  const random = generator(seed);
  const deadline = performance.now() + options.milliseconds;
  let inputs = 0;
  while (performance.now() < deadline) {
    const words = new BigUint64Array(8);
    const decoder = new EventDecoder({ relation, counters: () => words, maxOpenCalls: 50 });
    for (const index of [0, 1]) decoder.addTarget(index, { agentId: 1, pid: index, startTicks: 3n }, plans);
    try {
      for (let i = 0; i < 500; i++, inputs++) {
        const memory = record(random);
        const offset = 8 * random(3);
        const length = random(30) === 0 ? random(memory.length - offset) : memory.length - offset;
        decoder.record(memory, new DataView(memory.buffer), offset, length);
        if (random(40) === 0) words[random(8)]!++;
        if (random(100) === 0) decoder.setClock(BigInt(random(1 << 30)));
        if (decoder.openCalls > 50) throw new Error(`${decoder.openCalls} open calls`);
        if (random(200) === 0) decoder.execed(random(2), 5n);
      }
      for (const call of decoder.open(9n)) JSON.parse(call.captured);
      decoder.closeRunning(7n);
      if (decoder.openCalls !== 0) throw new Error(`${decoder.openCalls} calls are left open`);
      check(decoder.takeRows());
    } catch (error) {
      throw new Error(`seed ${seed}, about input ${inputs}`, { cause: error });
    }
  }
  return inputs;
}

function record(random: (below: number) => number): Uint8Array {
  const bytes = Uint8Array.from({ length: layout.size + 32 }, () => (random(2) === 0 ? 0x61 : random(256)));
  const view = new DataView(bytes.buffer);
  // Fields as they might be, at each of the places where the record may begin.
  for (const at of [0, 8, 16]) {
    if (random(20) === 0) continue;
    view.setUint16(at + header.kind, random(8), true);
    view.setUint16(at + header.probe, random(30) === 0 ? random(0x10000) : random(2), true);
    view.setUint32(at + header.target, random(30) === 0 ? random(0x1_0000_0000) : random(2), true);
    view.setBigUint64(at + header.g, BigInt(random(4)), true);
    view.setBigUint64(at + header.goid, BigInt(random(3)), true);
    view.setUint32(at + header.depth, random(8) * 16, true);
    view.setUint32(at + header.flags, random(10) === 0 ? random(8) : 3, true);
    if (random(3) > 0) view.setUint32(at + header.entryDrops, 0, true);
    if (random(3) > 0) view.setUint32(at + header.returnDrops, 0, true);
    for (const slot of layout.slots) if (random(4) > 0) bytes[at + slot.status] = 0;
    if (random(4) > 0) view.setBigUint64(at + layout.slots[4]!.offset, BigInt(random(20)), true);
  }
  return bytes;
}

function check(batch: RowBatch): void {
  const utf8 = new TextDecoder('utf-8', { fatal: true });
  const outcomes = new Set(['returned', 'panicked', 'goexit', 'exited', 'running', 'lost']);
  batch.columns.forEach((values, index) => {
    if (values.type !== 'STRING') return;
    const { offsets, bytes } = values.values;
    for (let row = 0; row < batch.rows; row++) {
      const text = utf8.decode(bytes.subarray(offsets[row], offsets[row + 1]));
      const { name } = relation.columns[index]!;
      if (values.valid?.[row] === 0) continue;
      if (name === 'results' || (name === 'panic' && text !== '')) JSON.parse(text);
      if (name === 'outcome' && !outcomes.has(text)) throw new Error(`an outcome '${text}'`);
    }
  });
  for (const note of batch.notes ?? []) if (note !== null) JSON.parse(note);
}
