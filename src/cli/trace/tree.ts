import type { sonde } from '#api';
import { escapeControls } from '#base';
import type { Context } from '../context.ts';
import { readableDuration } from '../format/duration.ts';
import { timeOfDay } from '../format/time.ts';
import { missing } from '../output/cell.ts';
import { parseNotes } from '../output/row.ts';
import { callText, outcomeText } from './call.ts';
import type { CallWriter, CallWriterOptions } from './writer.ts';

interface Node {
  readonly call: sonde.TraceCall;
  readonly children: readonly Node[];
  /** Calls in it that were printed before it had ended. */
  readonly before: number;
}

/** Calls that have ended in one that has not. */
interface Waiting {
  readonly nodes: Node[];
  /** Milliseconds, when the first of them ended. */
  readonly since: number;
}

/** So long a call waits for the end of the one that it began in; then it is printed without that. */
const patienceMs = 2_000;
/** Most characters of one value: the calls and their times are what a tree is for. `-o json` has it all. */
const mostOfValue = 64;
/** Calls that wait, at most. */
const mostWaiting = 100_000;

/** Prints a tree of calls when its root has ended: calls come in the order in which they end, those in a call before it. */
export class TreeWriter implements CallWriter {
  readonly #context: Context;
  readonly #whose: (call: sonde.TraceCall) => string;
  readonly #log: boolean;
  /** By process and id of the call that they began in. */
  readonly #waiting = new Map<string, Waiting>();
  /** Of calls that have not ended: how many in them were printed. */
  readonly #printed = new Map<string, number>();
  readonly #timer: NodeJS.Timeout;
  #count = 0;

  constructor(context: Context, { whose, log }: Pick<CallWriterOptions, 'whose' | 'log'>) {
    this.#context = context;
    this.#whose = whose;
    this.#log = log;
    this.#timer = setInterval(() => void this.#printWaiting(performance.now() - patienceMs), patienceMs / 4);
    this.#timer.unref();
  }

  async call(call: sonde.TraceCall): Promise<void> {
    const node = this.#node(call);
    if (call.parentCallId === undefined) return this.#print(this.#heading(call, ''), [node]);
    this.#wait(node, call.parentCallId);
    if (this.#count > mostWaiting) await this.#printWaiting(Number.POSITIVE_INFINITY);
  }

  /** `running`: the calls that have not ended. */
  async end(running: readonly sonde.TraceCall[]): Promise<void> {
    clearInterval(this.#timer);
    // A call began after the one that it is in.
    const innermost = running.filter(({ callId }) => callId !== undefined);
    innermost.sort((a, b) => Number(b.callId! - a.callId!));
    for (const call of innermost) {
      const node = this.#node(call);
      if (call.parentCallId === undefined) await this.#print(this.#heading(call, '  still running'), [node]);
      else this.#wait(node, call.parentCallId);
    }
    await this.#printWaiting(Number.POSITIVE_INFINITY);
  }

  #node(call: sonde.TraceCall): Node {
    const key = keyOf(call, call.callId);
    const children = this.#waiting.get(key)?.nodes ?? [];
    this.#waiting.delete(key);
    this.#count -= children.length;
    const before = this.#printed.get(key) ?? 0;
    this.#printed.delete(key);
    return { call, children, before };
  }

  #wait(node: Node, parent: bigint): void {
    const key = keyOf(node.call, parent);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, { nodes: [node], since: performance.now() });
    else waiting.nodes.push(node);
    this.#count++;
  }

  /** Those that have waited since then, or longer. */
  async #printWaiting(then: number): Promise<void> {
    for (const [key, { nodes, since }] of this.#waiting) {
      if (since > then) continue;
      this.#waiting.delete(key);
      this.#count -= nodes.length;
      this.#printed.set(key, (this.#printed.get(key) ?? 0) + nodes.length);
      await this.#print(this.#heading(nodes[0]!.call, '  in a call that has not ended'), nodes);
    }
  }

  #heading(call: sonde.TraceCall, what: string): string {
    const whose = this.#whose(call);
    return `${timeOfDay(call.timeNs)}${whose === '' ? '' : `  ${whose}`}  goid ${call.goid ?? '—'}${what}`;
  }

  async #print(heading: string, nodes: readonly Node[]): Promise<void> {
    const lines = [heading];
    // A stack of our own: recursion in the target may be deeper than ours can be.
    const stack = [...nodes].reverse().map((node) => ({ node, mark: '', indent: '' }));
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const { node, mark, indent } = top;
      lines.push(`${mark}${nodeText(node, this.#log)}`);
      if (node.before > 0) lines.push(`${indent}│  ${node.before} more in it, shown before`);
      for (let i = node.children.length - 1; i >= 0; i--) {
        const last = i === node.children.length - 1;
        stack.push({
          node: node.children[i]!,
          mark: `${indent}${last ? '└─ ' : '├─ '}`,
          indent: `${indent}${last ? '   ' : '│  '}`,
        });
      }
    }
    await this.#context.out.write(`${lines.join('\n')}\n`);
    await this.#context.out.flush();
  }
}

function keyOf({ upid }: sonde.TraceCall, id: bigint | undefined): string {
  return `${upid} ${id}`;
}

/** `main.order(i=1) = ($0=2)  1.2 ms (own 0.3 ms)` */
function nodeText({ call, children, before }: Node, log: boolean): string {
  const notes = parseNotes(call.notesJson);
  const parts = [log && call.outcome !== 'running' ? escapeControls(call.log) : callText(call, mostOfValue)];
  const inner = children.length + before > 0;
  if (call.outcome === 'running') {
    parts.push(`running${call.latencyNs === undefined ? '' : ` for ${readableDuration(call.latencyNs)}`}`);
    return parts.join('  ');
  }
  if (call.latencyNs !== undefined) {
    const own = call.ownNs === undefined ? missing(notes?.own_time ?? '') : readableDuration(call.ownNs);
    const shown = call.ownNs === undefined || inner ? ` (own ${own})` : '';
    parts.push(`${readableDuration(call.latencyNs)}${shown}`);
  }
  const outcome = outcomeText(call, notes);
  if (outcome !== '') parts.push(outcome);
  if (notes?.parent_call_id !== undefined) parts.push(`<${escapeControls(notes.parent_call_id)}>`);
  return parts.join('  ');
}
