import { parseDuration, type Span } from '#base';
import { parseExpression, parseSignature } from '#goexpr';
import {
  type AggregateFunction,
  type CallSelection,
  type Capture,
  type CaptureColumn,
  type CaptureLimits,
  captureLimits,
  implicitColumns,
  type LogicalProbe,
  type LogicalTracepoint,
  limitSettings,
} from '#model';
import { bind, boolArgument, checkedName, originOf, stringArgument, wrongKind } from './call.ts';
import { Fault, fault, suggestions } from './fault.ts';
import type { Session } from './session.ts';
import { podSelectors, processTarget, targetOf } from './targets.ts';
import { type Argument, type CallSite, constantOf, type DictEntry, kindName, none, type Value } from './value.ts';

type Builtin = (session: Session, site: CallSite) => Value;

const builtins: Readonly<Record<string, Builtin>> = {
  probe: (_session, site) => probeDecorator(site),
  ArgExpr: (session, site) => expression(session, site, 'argument'),
  RetExpr: (session, site) => expression(session, site, 'result'),
  FunctionLatency: (session, site) => ofTheCall(session, site, 'latency'),
  Outcome: (session, site) => ofTheCall(session, site, 'outcome'),
  Arguments: (session, site) => ofTheCall(session, site, 'arguments'),
  Results: (session, site) => ofTheCall(session, site, 'results'),
  Caller: (session, site) => ofTheCall(session, site, 'caller'),
  Stack: (session, site) => ofTheCall(session, site, 'stack'),
  CPU: (session, site) => ofTheCall(session, site, 'cpu'),
  ThreadID: (session, site) => ofTheCall(session, site, 'thread'),
  ParentGoroutineID: (session, site) => ofTheCall(session, site, 'parent'),
  GoStatement: (session, site) => ofTheCall(session, site, 'creator'),
  Labels: (session, site) => ofTheCall(session, site, 'labels'),
  Error: (session, site) => ofTheCall(session, site, 'error'),
  PanicValue: (session, site) => ofTheCall(session, site, 'panic'),
  CallID: (session, site) => ofTheCall(session, site, 'call-id'),
  ParentCallID: (session, site) => ofTheCall(session, site, 'parent-call-id'),
  OwnTime: (session, site) => ofTheCall(session, site, 'own-time'),
  Log: logLine,
  Count: (session, site) => {
    bind(site, []);
    inProbe(session, site);
    return { kind: 'capture', capture: { kind: 'aggregate', function: 'count' } };
  },
  Function: (session, site) => ofTheCall(session, site, 'function'),
  TypeArguments: (session, site) => ofTheCall(session, site, 'type-arguments'),
  InlinedInto: (session, site) => ofTheCall(session, site, 'inlined-into'),
  Sum: (session, site) => aggregate(session, site, 'sum'),
  Min: (session, site) => aggregate(session, site, 'min'),
  Max: (session, site) => aggregate(session, site, 'max'),
  Histogram: (session, site) => aggregate(session, site, 'histogram'),
  TopKeys: (session, site) => aggregate(session, site, 'top_keys'),
  PodProcess: podSelectors.PodProcess,
  Process: processTarget,
  LabelSelector: podSelectors.LabelSelector,
  UpsertTracepoint: upsert,
  DeleteTracepoint: (session, site) => {
    const { name } = bind(site, ['name']);
    const text = checkedName(stringArgument(name!, 'name'), 'name of the tracepoint', name!.span);
    session.deletes.push({ name: text, span: originOf(name!) });
    return none;
  },
};

/** What Pixie has and Sonde will not, with the reason. */
const refused: Readonly<Record<string, string>> = {
  TraceProgram: 'Sonde runs no bpftrace programs: it traces functions of Go programs, with pxtrace.probe',
  kprobe:
    'Sonde runs no bpftrace programs and traces no kernel functions: it traces functions of Go programs, with pxtrace.probe',
  SharedObject: 'Sonde traces functions of Go programs, which are in no shared object',
};

/** `pxtrace.name`. */
export function pxtraceMember(session: Session, name: string, span: Span): Value {
  const builtin = Object.hasOwn(builtins, name) ? builtins[name] : undefined;
  if (builtin) return { kind: 'builtin', name, call: (site) => builtin(session, site) };
  if (Object.hasOwn(refused, name)) {
    fault('pxl.unsupported', `pxtrace.${name} is not supported`, span, [refused[name]!]);
  }
  const known = Object.keys(builtins);
  const hints = name === 'goprobe' ? ['it is pxtrace.probe'] : suggestions(name, known, 'it has');
  return fault('pxl.attribute', `'pxtrace' object has no attribute '${name}'`, span, hints);
}

/** What `pxtrace` has. */
export function pxtraceNames(): string[] {
  return Object.keys(builtins);
}

function probeDecorator(site: CallSite): Value {
  const { fn_name, when, signature, ...keywords } = bind(site, [
    'fn_name',
    'when?',
    'within?',
    'sample?',
    'rate?',
    'first?',
    'per?',
    'signature?',
    ...captureLimits.map((limit) => `${limitSettings[limit].keyword}?`),
    'wait_for_pages?',
  ]);
  const target = checkedName(stringArgument(fn_name!, 'fn_name'), 'name of the function', fn_name!.span).trim();
  const calls = selectionOf(keywords);
  const condition = when === undefined ? undefined : conditionOf(when);
  const declared = signature === undefined ? undefined : signatureOf(signature);
  const limits = limitsOf(keywords);
  const { wait_for_pages } = keywords;
  const waitForPages = wait_for_pages !== undefined && boolArgument(wait_for_pages, 'wait_for_pages');
  return {
    kind: 'builtin',
    name: 'probe',
    call: (inner) => {
      const { fn } = bind(inner, ['fn']);
      if (fn!.value.kind !== 'function') return wrongKind('Function', 'fn', fn!);
      const span = originOf(fn_name!);
      return {
        kind: 'probe',
        target,
        when: condition,
        calls,
        signature: declared,
        limits,
        waitForPages,
        span,
        function: fn!.value,
      };
    },
  };
}

/** `when='n > 1000 && err != nil'` */
function conditionOf(argument: Argument): LogicalProbe['when'] {
  const text = stringArgument(argument, 'when').trim();
  const span = originOf(argument);
  if (text === '') fault('pxl.probe', 'the condition is empty', argument.span, ["when='n > 1000 && err != nil'"]);
  const parsed = parseExpression(text, span);
  if (!parsed.ok) throw new Fault(parsed.diagnostics[0]);
  return { text, span };
}

/** `signature='func(n int, s string) (float64, error)'` */
function signatureOf(argument: Argument): LogicalProbe['signature'] {
  const text = stringArgument(argument, 'signature').trim();
  const span = originOf(argument);
  const parsed = parseSignature(text, span);
  if (!parsed.ok) throw new Fault(parsed.diagnostics[0]);
  return { text, span };
}

/** Which calls are wanted; undefined: all. */
function selectionOf(keywords: Readonly<Record<string, Argument | undefined>>): CallSelection | undefined {
  const { within, sample, rate, first, per } = keywords;
  const selection: CallSelection = {
    ...(within === undefined ? {} : { within: functionOf(within) }),
    ...(sample === undefined ? {} : { sample: countOf(sample, 'sample') }),
    ...(rate === undefined ? {} : { rate: countOf(rate, 'rate') }),
    ...(first === undefined ? {} : { first: countOf(first, 'first') }),
    ...(per === undefined ? {} : { per: { text: expressionText(per, 'per'), span: originOf(per) } }),
  };
  if (per !== undefined && sample === undefined && rate === undefined && first === undefined) {
    fault('pxl.probe', "'per' says for what sample, rate and first count apart, and there is none of them", per.span, [
      "@pxtrace.probe('main.f', rate=10, per='user.ID')",
    ]);
  }
  return Object.keys(selection).length === 0 ? undefined : selection;
}

/** `depth=8, elements=500, string_bytes=4096, event_bytes=65536` */
function limitsOf(keywords: Readonly<Record<string, Argument | undefined>>): Partial<CaptureLimits> {
  const given = captureLimits.flatMap((limit) => {
    const { keyword, least, most } = limitSettings[limit];
    const argument = keywords[keyword];
    return argument === undefined ? [] : [[limit, countOf(argument, keyword, least, most)] as const];
  });
  return Object.fromEntries(given);
}

function functionOf(argument: Argument): string {
  return checkedName(stringArgument(argument, 'within'), 'name of the function', argument.span).trim();
}

/** Most that the programs compare with: an eBPF immediate has 31 bits. */
const mostCount = 0x7fff_ffff;

function countOf(argument: Argument, name: string, least = 1, most = mostCount): number {
  const found = constantOf(argument.value);
  if (found?.type !== 'INT64') return wrongKind('Int', name, argument);
  const count = Number(found.value);
  if (count >= least && count <= most) return count;
  return fault('pxl.value', `${name}=${found.value}: it is a number from ${least} to ${most}`, originOf(argument));
}

function expressionText(argument: Argument, name: string): string {
  const text = stringArgument(argument, name).trim();
  const parsed = parseExpression(text, originOf(argument));
  if (!parsed.ok) throw new Fault(parsed.diagnostics[0]);
  return text;
}

/** What needs no expression. */
function ofTheCall(
  session: Session,
  site: CallSite,
  kind: Exclude<Capture['kind'], 'argument' | 'result' | 'log' | 'aggregate'>,
): Value {
  bind(site, []);
  inProbe(session, site);
  return { kind: 'capture', capture: { kind } };
}

/** `Log("charge {user.ID} -> {err} in {latency}")`. */
function logLine(session: Session, site: CallSite): Value {
  const { template } = bind(site, ['template']);
  const text = stringArgument(template!, 'template');
  inProbe(session, site);
  return { kind: 'capture', capture: { kind: 'log', text, span: originOf(template!) } };
}

/** `Sum(pxtrace.ArgExpr('n'))`: added up in the kernel. */
function aggregate(session: Session, site: CallSite, fn: AggregateFunction): Value {
  const { expr } = bind(site, ['expr']);
  inProbe(session, site);
  const { value } = expr!;
  if (value.kind === 'opaque' && value.poisoned) throw new Fault();
  if (value.kind === 'capture') {
    const { capture } = value;
    if (capture.kind === 'argument' || capture.kind === 'result' || capture.kind === 'latency') {
      return { kind: 'capture', capture: { kind: 'aggregate', function: fn, of: capture } };
    }
  }
  return fault('pxl.type', `${site.name}() takes an argument, a result or the latency`, expr!.span, [
    `pxtrace.${site.name}(pxtrace.ArgExpr('n')), pxtrace.${site.name}(pxtrace.FunctionLatency())`,
  ]);
}

function inProbe(session: Session, site: CallSite): void {
  if (session.inProbe) return;
  fault('pxl.probe', `Missing current probe: ${site.name}() has a meaning only inside a probe function`, site.span, [
    "put @pxtrace.probe('main.f') above the function, and give the function to UpsertTracepoint",
  ]);
}

function expression(session: Session, site: CallSite, kind: 'argument' | 'result'): Value {
  const { expr } = bind(site, ['expr']);
  const text = stringArgument(expr!, 'expr').trim();
  inProbe(session, site);
  if (text === '') {
    fault('pxl.probe', `the expression of ${site.name}() is empty`, expr!.span, [
      kind === 'argument' ? "ArgExpr('name') or ArgExpr('r.URL.Path')" : "RetExpr('$0') or RetExpr('err')",
    ]);
  }
  const parsed = parseExpression(text, originOf(expr!));
  if (!parsed.ok) throw new Fault(parsed.diagnostics[0]);
  return { kind: 'capture', capture: { kind, text, span: originOf(expr!) } };
}

function upsert(session: Session, site: CallSite): Value {
  const signature = ['name', 'table_name', 'probe_fn', 'target', 'ttl', 'no_budget?', 'debug_file?'];
  const { name, table_name, probe_fn, target, ttl, no_budget, debug_file } = bind(site, signature);
  const tracepointName = checkedName(stringArgument(name!, 'name'), 'name of the tracepoint', name!.span);
  const table = checkedName(stringArgument(table_name!, 'table_name'), 'name of the table', table_name!.span);
  const ttlNs = ttlOf(ttl!);
  const place = targetOf(target!);
  const { probe, limits, waitForPages } = probeOf(session, probe_fn!);
  const insists = no_budget !== undefined && boolArgument(no_budget, 'no_budget');
  const debugFile = debug_file === undefined ? '' : pathArgument(debug_file, 'debug_file');
  if (session.upserts.some((other) => other.name === tracepointName)) {
    fault('pxl.value', `tracepoint with name '${tracepointName}', already used`, name!.span);
  }
  const tracepoint: LogicalTracepoint = {
    name: tracepointName,
    table,
    target: place,
    ttlNs,
    probes: [probe],
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
    ...(waitForPages ? { waitForPages: true as const } : {}),
    ...(insists ? { noBudget: true as const } : {}),
    ...(debugFile === '' ? {} : { debugFile }),
    span: site.span,
  };
  session.upserts.push(tracepoint);
  return none;
}

function pathArgument(argument: Argument, name: string): string {
  const path = checkedName(stringArgument(argument, name), `path of ${name}`, originOf(argument));
  if (!path.startsWith('/')) fault('pxl.value', `${name}='${path}' is no absolute path`, originOf(argument));
  return path;
}

function ttlOf(argument: Argument): bigint {
  const text = stringArgument(argument, 'ttl');
  const ns = parseDuration(text);
  const hints = ["for instance '5m', '1h30m' or '90s'; units: ms s m h d"];
  if (ns === undefined) return fault('pxl.ttl', `Time string is in wrong format: '${text}'`, originOf(argument), hints);
  if (ns <= 0n) return fault('pxl.ttl', `the TTL '${text}' is not longer than nothing`, originOf(argument), hints);
  if (ns > 0x7fff_ffff_ffff_ffffn) return fault('pxl.ttl', `the TTL '${text}' is too long`, originOf(argument), hints);
  return ns;
}

/** A tracepoint has one probe: what this says of limits and waiting holds for the tracepoint. */
function probeOf(
  session: Session,
  argument: Argument,
): { readonly probe: LogicalProbe; readonly limits: Partial<CaptureLimits>; readonly waitForPages: boolean } {
  const { value } = argument;
  if (value.kind !== 'probe') {
    if (value.kind === 'function') {
      fault('pxl.probe', `'${value.definition.name}' is not a probe`, argument.span, [
        `put @pxtrace.probe('main.f') above \`def ${value.definition.name}\` on line ${value.definition.nameSpan.line}`,
      ]);
    }
    if (constantOf(value)?.type === 'STRING')
      fault('pxl.unsupported', 'a bpftrace program is not supported', argument.span, [refused.TraceProgram!]);
    return wrongKind('Probe', 'probe_fn', argument);
  }
  const { definition } = value.function;
  if (definition.parameters.length > 0) {
    fault('pxl.probe', 'a probe function takes no arguments', definition.parameters[0]!.span);
  }
  if (session.inProbe) {
    fault(
      'pxl.probe',
      'Already have a current probe. Are you calling this in a another trace definition.',
      argument.span,
    );
  }
  session.inProbe = true;
  try {
    const result = session.callFunction(value.function, argument.span);
    const columns = columnsOf({ value: result, span: definition.nameSpan });
    const { when, calls, signature, limits, waitForPages, span } = value;
    const wanted = { ...(when && { when }), ...(calls && { calls }), ...(signature && { signature }) };
    return { probe: { function: value.target, columns, ...wanted, span }, limits, waitForPages };
  } finally {
    session.inProbe = false;
  }
}

function columnsOf(returned: Argument): CaptureColumn[] {
  const { value } = returned;
  if (value.kind === 'opaque') throw new Fault();
  if (value.kind === 'none') {
    fault(
      'pxl.probe',
      'Improper probe definition: missing output spec of probe, add a return statement',
      returned.span,
      ["return [{'name': pxtrace.ArgExpr('name')}]"],
    );
  }
  if (value.kind !== 'list' && value.kind !== 'tuple' && value.kind !== 'dict') {
    return fault(
      'pxl.probe',
      `Unable to parse probe output definition. Expected Collection, received ${kindName(value)}`,
      returned.span,
    );
  }
  const dicts: readonly Argument[] = value.kind === 'dict' ? [returned] : value.items;
  const columns: CaptureColumn[] = [];
  const taken = new Map(implicitColumns.map((column) => [column.name, 'implicit']));
  for (const dict of dicts) {
    if (dict.value.kind === 'opaque') throw new Fault();
    if (dict.value.kind !== 'dict') {
      return fault('pxl.probe', `Expected Dict, got ${kindName(dict.value)}`, dict.span);
    }
    for (const entry of dict.value.entries) columns.push(captureColumn(entry, taken));
  }
  if (columns.length === 0) {
    fault('pxl.probe', 'the probe captures nothing', returned.span, [
      "return [{'latency': pxtrace.FunctionLatency()}]",
    ]);
  }
  return columns;
}

/** `taken`: names so far, to what they are: `implicit`, or the name as it was written. */
function captureColumn({ key, item }: DictEntry, taken: Map<string, string>): CaptureColumn {
  const text = constantOf(key.value);
  if (text?.type !== 'STRING') {
    fault('pxl.type', `Expected 'String' in arg 'key', got '${kindName(key.value).toLowerCase()}'`, key.span);
  }
  const name = checkedName(String(text.value), 'name of the column', key.span);
  const lower = name.toLowerCase();
  const other = taken.get(lower);
  if (other === 'implicit' || lower === 'notes_' || lower === 'seq_') {
    fault('pxl.probe', `'${name}' is the name of a column that every table has`, key.span, ['choose another name']);
  }
  if (other !== undefined) {
    const what =
      other === name ? `there are two columns '${name}'` : `the columns '${other}' and '${name}' differ only in case`;
    fault('pxl.probe', what, key.span);
  }
  taken.set(lower, name);
  if (item.value.kind === 'opaque') throw new Fault();
  if (item.value.kind !== 'capture') {
    return fault('pxl.probe', `Expected TracingVariable, got ${kindName(item.value)}`, item.span, [
      "pxtrace.ArgExpr('x'), pxtrace.RetExpr('$0'), pxtrace.FunctionLatency() or pxtrace.Outcome()",
    ]);
  }
  return { name, capture: item.value.capture };
}
