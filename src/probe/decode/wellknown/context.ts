import { contextValueDepth } from '../../graph/index.ts';
import { errorText } from '../errors.ts';
import type { GraphRenderer, Place } from '../graph.ts';
import { heldBy } from '../held.ts';
import { word } from '../snapshot.ts';
import type { WellKnown } from './index.ts';
import { spanIds } from './span.ts';

/** Longest chain of contexts that is gone through. */
const mostContexts = 200;

/** A context of package context: its type, and where it lies. */
interface Link {
  readonly type: number;
  readonly place: Place;
}

interface Summary {
  deadline?: string;
  cancelled: boolean;
  err?: string;
  cause?: string;
  readonly values: string[];
  otel?: string;
  datadog?: string;
  parent?: string;
}

/**
 * A context as what can be asked of it, from the chain of its parents: nearest deadline, whether and why it is cancelled, its values from
 * the nearest on, the trace that its spans belong to; `parent`: the first one that is of no type of package context, by its fields.
 */
const context: WellKnown = (renderer, type, place, path) => {
  const summary: Summary = { cancelled: false, values: [] };
  let next: Link | undefined = { type, place };
  // Behind context.WithoutCancel only values count.
  let detached = false;
  for (let nesting = 0; next !== undefined && nesting < mostContexts; nesting++) {
    const link: Link = next;
    const { name } = renderer.type(link.type);
    const field = (each: string) => renderer.field(link.type, link.place, each);
    let outer = field('Context');
    switch (name) {
      case 'context.cancelCtx':
        if (!detached) cancellation(renderer, link, path, summary);
        break;
      case 'context.timerCtx':
      case 'context.afterFuncCtx': {
        const deadline = field('deadline');
        if (deadline && !detached)
          summary.deadline ??= renderer.value(deadline.type, deadline.place, `${path}.deadline`);
        const inner = field('cancelCtx');
        next = inner && renderer.pointee(inner.type, inner.place);
        continue;
      }
      case 'context.valueCtx':
        keyAndValue(renderer, link, path, summary);
        break;
      case 'context.withoutCancelCtx':
        detached = true;
        outer = field('c');
        break;
    }
    next = outer && parentOf(renderer, outer, path, summary);
  }
  return written(summary);
};

function written(summary: Summary): string {
  const { deadline, cancelled, err, cause, values, otel, datadog, parent } = summary;
  const members = {
    deadline,
    cancelled: String(cancelled),
    err,
    cause,
    otel,
    datadog,
    values: values.length === 0 ? undefined : `[${values.join(',')}]`,
    parent,
  };
  const texts = Object.entries(members).flatMap(([name, text]) => (text === undefined ? [] : [`"${name}":${text}`]));
  return `{${texts.join(',')}}`;
}

/** `err` and `cause` of the nearest context that can be cancelled; `err` is an `atomic.Value` from Go 1.26 on. */
function cancellation(renderer: GraphRenderer, { type, place }: Link, path: string, summary: Summary): void {
  if (summary.cancelled) return;
  const stored = renderer.field(type, place, 'err');
  const err = stored && (renderer.field(stored.type, stored.place, 'v') ?? stored);
  if (err === undefined || err.place.at + 16 > err.place.end || word(renderer.view, err.place.at) === 0) return;
  summary.cancelled = true;
  summary.err = reason(renderer, err, `${path}.err`);
  const cause = renderer.field(type, place, 'cause');
  if (cause && word(renderer.view, cause.place.at) !== 0) {
    const text = reason(renderer, cause, `${path}.cause`);
    if (text !== summary.err) summary.cause = text;
  }
}

/** An error by its text, where that is known, else by its fields. */
function reason(renderer: GraphRenderer, { type, place }: Link, path: string): string {
  const interfaceType = renderer.type(type);
  const dynamic = heldBy(renderer, interfaceType.kind === 'interface' && interfaceType.empty, place);
  const text = dynamic && errorText(renderer, dynamic);
  return text === undefined ? renderer.value(type, place, path) : JSON.stringify(text);
}

function keyAndValue(renderer: GraphRenderer, { type, place }: Link, path: string, summary: Summary): void {
  const [key, value] = ['key', 'val'].map((name) => renderer.field(type, place, name));
  if (!key || !value || value.place.at + 16 > value.place.end) return;
  const own = `${path}.values[${summary.values.length}]`;
  const held = { ...value.place, depth: value.place.depth + contextValueDepth - 1 };
  const dynamic = heldBy(renderer, true, held);
  if (dynamic?.index !== undefined && dynamic.data.kind !== 'none') {
    const target = renderer.pointee(dynamic.index, dynamic.data.place);
    const ids = target && spanIds(renderer, target.type, target.place);
    if (ids) summary[ids.of] ??= `{${ids.members}}`;
  }
  const texts = [renderer.value(key.type, key.place, `${own}[0]`), renderer.value(value.type, held, `${own}[1]`)];
  summary.values.push(`[${texts.join(',')}]`);
}

/** The next one of the chain; undefined at its end, also where it is none of package context: then it is shown as `parent`. */
function parentOf(renderer: GraphRenderer, outer: Link, path: string, summary: Summary): Link | undefined {
  if (outer.place.at + 16 > outer.place.end) return undefined;
  const dynamic = heldBy(renderer, false, outer.place);
  if (dynamic === undefined || roots.has(dynamic.name)) return undefined;
  const held =
    dynamic.index === undefined || dynamic.data.kind === 'none'
      ? undefined
      : renderer.pointee(dynamic.index, dynamic.data.place);
  if (held !== undefined && Object.hasOwn(contexts, renderer.type(held.type).name)) return held;
  summary.parent = renderer.value(outer.type, outer.place, `${path}.parent`);
  return undefined;
}

/** Background and TODO; up to Go 1.20 both are `*context.emptyCtx`. */
const roots = new Set(['context.backgroundCtx', 'context.todoCtx', '*context.emptyCtx']);

export const contexts: Readonly<Record<string, WellKnown>> = {
  'context.cancelCtx': context,
  'context.timerCtx': context,
  'context.valueCtx': context,
  'context.withoutCancelCtx': context,
  'context.afterFuncCtx': context,
  'context.stopCtx': context,
};
