import { expect, it } from 'vitest';
import { instructionText, openGoFile } from '../../../testing/ebpf/index.ts';
import { goFixture } from '../../../testing/go-fixtures.ts';
import { compileTarget } from '../compile.ts';

const source = `package main

type request struct {
	context *int
	n       int
}

var zero, sink int

func (r *request) get() *int {
	if r.context != nil {
		return r.context
	}
	return &zero
}

//go:noinline
func first(r *request) *int { return r.get() }

//go:noinline
func other(r, q *request) *int {
	if q.n == 7 {
		sink++
	}
	return r.get()
}

//go:noinline
func later(r *request) *int {
	if r.n == 7 {
		sink++
	}
	return r.get()
}

//go:noinline
func sometimes(r *request, ok bool) *int {
	if ok {
		sink += r.n
	}
	return r.get()
}

//go:noinline
func changed(r *request) *int {
	for r.n > 0 {
		r = next(r)
		if p := r.get(); p != nil {
			sink += *p
		}
	}
	return nil
}

//go:noinline
func next(r *request) *request { sink++; return r }

func main() {
	r := &request{}
	first(r)
	other(r, r)
	later(r)
	sometimes(r, true)
	changed(r)
}
`;

it("a copy's entry is behind its first access by a pointer only where that was followed before on every way", async () => {
  const binary = openGoFile(await goFixture({ source: { 'main.go': source } }));
  const compiled = compileTarget(
    {
      name: 'gets',
      table: 'gets',
      target: { kind: 'upid', upid: { agentId: 1, pid: 3, startTicks: 5n } },
      ttlNs: 0n,
      probes: [
        {
          function: 'main.(*request).get',
          columns: [{ name: 'calls', capture: { kind: 'aggregate', function: 'count' } }],
        },
      ],
    },
    binary,
    { filter: { tgid: 3 }, features: { attachCookie: true }, targetIndex: 0, instructionText },
  );
  if (!compiled.ok) throw new Error(compiled.diagnostics[0]!.message);
  const { resolved, sites } = compiled.value;
  const classes = resolved.map(({ names }, i) => [names.inlinedInto, sites[i]!.entry?.class]);
  expect(Object.fromEntries(classes)).toEqual({
    'main.first': 'stepped',
    'main.other': 'stepped',
    'main.later': 'emulated',
    'main.sometimes': 'stepped',
    'main.changed': 'stepped',
  });
});
