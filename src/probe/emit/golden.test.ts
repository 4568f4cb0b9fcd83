import { describe, expect, it } from 'vitest';
import { disassemble } from '#asm';
import type { GoVariable } from '#gobin';
import { testRuntime, testTypeRefs, testTypes } from '../../../testing/ebpf/index.ts';
import { planProbe } from '../plan/index.ts';
import type { ResolvedProbe, ResolvedValue } from '../resolve/index.ts';
import type { EmitFeatures, Site } from '../types.ts';
import { entryProgram, machine, recoveryProgram, returnProgram } from './index.ts';

/**
 * Whole programs as text, for the feature sets of the kernels that are promised. Rewritten only by `vitest run -u`.
 * What a kernel lacks must not be in its text.
 */
const kernels: Readonly<Record<string, EmitFeatures>> = {
  // No BTF: no way to thread-local storage. Attach cookies came with 5.15.
  '5.15': { attachCookie: true },
  '6.1': { attachCookie: true },
  '6.6': { attachCookie: true, fsbaseOffset: 0x1a50 },
  '6.18': { attachCookie: true, fsbaseOffset: 0x1a50, mayGoto: true },
  'without-cookie': { attachCookie: false },
};

const variable = (name: string, ...places: GoVariable['places']): GoVariable => ({ name, type: 0, places });
const register = (number: number, offset = 0, size = 8) =>
  ({ kind: 'register', register: number, offset, size }) as const;
const floatRegister = (number: number, size: number) =>
  ({ kind: 'float-register', register: number, offset: 0, size }) as const;
const access = (of: GoVariable, offset = 0, ...hops: number[]) => ({ variable: of, offset, hops });
const values: ResolvedValue[] = [
  { kind: 'int', size: 4, access: access(variable('n', register(0, 0, 4))) },
  { kind: 'string', access: access(variable('s', register(3), register(2, 8))) },
  { kind: 'bool', size: 1, access: access(variable('p', register(5)), 0, 24, 8) },
  { kind: 'uint', size: 8, access: access(variable('u', { kind: 'stack', frameOffset: 8, offset: 0, size: 8 })) },
];
const column = (name: string) => ({ name, type: 'INT64', semantic: 'ST_NONE' }) as const;
const planned = planProbe({
  function: { name: 'main.f' },
  columns: [
    ...values.map((value, i) => ({ column: column(`c${i}`), from: 'entry' as const, value })),
    { column: column('r'), from: 'return', value: values[0]! },
    { column: column('latency'), from: 'latency' },
  ],
} as unknown as ResolvedProbe);
/** With a float32 in XMM1 and a float64 in memory at the entry, a float64 in XMM0 at the return. */
const withFloats = planProbe({
  function: { name: 'main.f' },
  columns: [
    { kind: 'float', size: 4, access: access(variable('x', floatRegister(18, 4))) },
    { kind: 'float', size: 8, access: access(variable('y', register(0)), 0, 16) },
    { kind: 'float', size: 8, access: access(variable('$0', floatRegister(17, 8))) },
  ].map((value, i) => ({ column: column(`c${i}`), from: i === 2 ? 'return' : 'entry', value })),
} as unknown as ResolvedProbe);
const floats = { flags: 0, fpstate: 3280, area: 64, savedBit: 19 };
/** A `*main.Node`, a linked list with strings and an interface. */
const types = testTypes.finish();
const walked = planProbe(
  {
    function: { name: 'main.g' },
    columns: [
      {
        column: column('n'),
        from: 'entry',
        value: {
          kind: 'graph',
          access: access(variable('n', register(0))),
          size: 8,
          type: testTypes.add(testTypeRefs.pointer),
          name: '*main.Node',
        },
      },
    ],
  } as unknown as ResolvedProbe,
  { types },
);
const site = { notTaken: { flagsMask: 0x41, takenWhenAnySet: true } } as unknown as Site;

describe.each(Object.entries(kernels))('programs for a kernel like %s', (name, features) => {
  const context = {
    machine: machine('amd64'),
    runtime: { ...testRuntime, tlsG: -8 },
    features,
    filter: { tgid: 1234 },
    target: 0,
    probes: 1,
  };
  const texts = () =>
    [
      entryProgram(context, 0, planned.entry!, site),
      returnProgram(context, 0, 'return', planned.return!, { hits: false, sites: 2 }),
      recoveryProgram(context, site)!,
    ]
      .map((program) => `${program.name}\n${disassemble(program)}\n`)
      .join('\n');

  it('are as written down', async () => {
    await expect(texts()).toMatchFileSnapshot(`../../../testing/data/programs/${name}.txt`);
  });

  it('walk over objects as written down', async () => {
    const walking = { ...context, entries: types.graph.entries, dynamicTypes: true };
    const text = disassemble(entryProgram(walking, 0, walked.entry!, site));
    expect(text.includes('may_goto')).toBe(features.mayGoto === true);
    await expect(`${text}\n`).toMatchFileSnapshot(`../../../testing/data/programs/${name}-walk.txt`);
  });

  it('use nothing that it lacks', () => {
    expect(texts().includes('get_attach_cookie')).toBe(features.attachCookie);
    expect(texts().includes('get_current_task')).toBe(features.fsbaseOffset !== undefined);
  });
});

it('programs that read float registers, for a kernel like 6.18, are as written down', async () => {
  const context = {
    machine: machine('amd64'),
    runtime: testRuntime,
    features: { attachCookie: true, floats },
    filter: { tgid: 1234 },
    target: 0,
    probes: 1,
  };
  const programs = [
    entryProgram(context, 0, withFloats.entry!, site),
    returnProgram(context, 0, 'return', withFloats.return!, { hits: false, sites: 1 }),
  ];
  const text = programs.map((program) => `${program.name}\n${disassemble(program)}\n`).join('\n');
  await expect(text).toMatchFileSnapshot('../../../testing/data/programs/6.18-floats.txt');
});
