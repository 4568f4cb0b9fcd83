import type { sonde } from '#api';
import { escapeControls, escapeJson, jsonString } from '#base';
import { GoText, goValue, parseUpid } from '#model';
import { readableDuration } from '../format/duration.ts';
import { rfc3339Utc, timeOfDay } from '../format/time.ts';
import { cutMark, missing } from '../output/cell.ts';
import { parseNotes } from '../output/row.ts';
import { jsonMembers } from './members.ts';

type Notes = ReturnType<typeof parseNotes>;

/**
 * One call as one JSON object, without a line end; in a cluster with its `place`. Values pass as the agent wrote them. `log`: it has a line in the stead of
 * arguments and results, an empty one perhaps. A time of 0 is not known: null.
 */
export function callJson(call: sonde.TraceCall, place: sonde.ProcessInfo | undefined, log: boolean): string {
  const members = [
    ...(place === undefined
      ? []
      : [
          `"node":${jsonString(place.node)}`,
          `"namespace":${jsonString(place.namespace)}`,
          `"pod":${jsonString(place.pod)}`,
          `"container_name":${jsonString(place.containerName)}`,
        ]),
    `"time":${call.timeNs === 0n ? 'null' : `"${rfc3339Utc(call.timeNs)}"`}`,
    `"upid":${jsonString(call.upid)}`,
    `"goid":${call.goid ?? 'null'}`,
    `"function":${jsonString(call.function)}`,
    ...(call.inlinedInto === '' ? [] : [`"inlined_into":${jsonString(call.inlinedInto)}`]),
    ...(log
      ? [`"log":${jsonString(call.log)}`]
      : [`"args":${escapeJson(call.argsJson || '{}')}`, `"results":${escapeJson(call.resultsJson || '{}')}`]),
    `"latency_ns":${call.latencyNs ?? 'null'}`,
    `"outcome":${jsonString(call.outcome)}`,
    ...(call.panicJson === '' ? [] : [`"panic":${escapeJson(call.panicJson)}`]),
  ];
  if (call.callId !== undefined) {
    members.push(`"call_id":${call.callId}`, `"parent_call_id":${call.parentCallId ?? 'null'}`);
    members.push(`"own_ns":${call.ownNs ?? 'null'}`);
  }
  if (call.stackJson !== '') members.push(`"stack":${escapeJson(call.stackJson)}`);
  if (call.notesJson !== '' && call.notesJson !== '{}') members.push(`"notes":${escapeJson(call.notesJson)}`);
  return `{${members.join(',')}}`;
}

/** Whose a call is: its pod in a cluster, else its pid where there are several. Empty: that need not be said. */
export function whoseCall(call: sonde.TraceCall, place: sonde.ProcessInfo | undefined, withPid: boolean): string {
  if (place !== undefined && place.pod !== '') return escapeControls(place.pod);
  return withPid || place !== undefined ? `pid ${parseUpid(call.upid)?.pid ?? '?'}` : '';
}

/** `22:13:21.500000  goid 18  main.computeE(iterations=100) = ($0=2.7)  4.0 µs`; the outcome if it did not return. With `log` its line, only that. */
export function callLine(call: sonde.TraceCall, whose: string, log: boolean): string {
  const parts = [timeOfDay(call.timeNs)];
  if (whose !== '') parts.push(whose);
  if (log) return [...parts, escapeControls(call.log)].join('  ');
  parts.push(`goid ${call.goid ?? '—'}`, callText(call));
  const notes = parseNotes(call.notesJson);
  if (call.latencyNs !== undefined) parts.push(readableDuration(call.latencyNs));
  else if (notes?.latency !== undefined && call.outcome === 'returned') parts.push(`latency ${missing(notes.latency)}`);
  const outcome = outcomeText(call, notes);
  if (outcome !== '') parts.push(outcome);
  return parts.join('  ');
}

/** The call's callers, a line each, below its own. */
export function stackLines({ stackJson, notesJson }: sonde.TraceCall): string[] {
  const why = parseNotes(notesJson)?.stack;
  const frames = stackJson === '' ? [] : (JSON.parse(stackJson) as string[]).map(escapeControls);
  return [...frames, ...(why === undefined ? [] : [missing(why)])].map((frame) => `    ${frame}`);
}

/** How it ended, if it did not return: `panicked: *errors.errorString("declined")`. */
export function outcomeText(call: sonde.TraceCall, notes: Notes): string {
  if (call.outcome === 'returned' || call.outcome === '') return '';
  const why = notes?.outcome === undefined ? '' : ` (${escapeControls(notes.outcome)})`;
  const cause = call.panicJson === '' ? notes?.panic && missing(notes.panic) : panicText(call.panicJson, notes);
  const panic = cause === undefined ? '' : call.outcome === 'panicked' ? `: ${cause}` : ` panicking: ${cause}`;
  return `${escapeControls(call.outcome)}${why}${panic}`;
}

/**
 * A call that is still running: `goid 18  since 22:13:21.500000 (12.0 s)  main.handle(id=7)`; `since —` when it began before it was
 * traced, and what its goroutine does, if the agent knows: `[chan receive]`.
 */
export function runningLine(call: sonde.TraceCall, whose: string): string {
  const parts = whose === '' ? [] : [whose];
  const since = call.timeNs === 0n ? '—' : timeOfDay(call.timeNs);
  const age = call.latencyNs === undefined ? '' : ` (${readableDuration(call.latencyNs)})`;
  const state = parseNotes(call.notesJson)?.goroutine;
  parts.push(`goid ${call.goid ?? '—'}`, `since ${since}${age}`);
  if (state !== undefined) parts.push(`[${escapeControls(state)}]`);
  parts.push(callText(call));
  return parts.join('  ');
}

function panicText(json: string, notes: Notes): string {
  return json === 'null' ? 'nil' : brief(goValue(json, 'panic', notes, mostShown));
}

/** `main.order(i=1) = ($0=2)`; `most`: characters of each value. */
export function callText(call: sonde.TraceCall, most: number = mostShown): string {
  const notes = parseNotes(call.notesJson);
  const into = call.inlinedInto === '' ? '' : ` inlined into ${escapeControls(call.inlinedInto)}`;
  const text = `${escapeControls(call.function)}(${values(call.argsJson, 'args', notes, most)})${into}`;
  const results =
    call.outcome === 'returned' || call.resultsJson !== '' ? values(call.resultsJson, 'results', notes, most) : '';
  return results === '' ? text : `${text} = (${results})`;
}

function values(json: string, kind: 'args' | 'results', notes: Notes, most: number): string {
  if (json === '' || json === 'null') {
    const why = notes?.[kind];
    if (why === undefined) return '';
    // The reason once a call; not at all where values are to be short: a warning has said it.
    if (kind === 'results' && why === notes?.args) return '';
    return most < mostShown ? '…' : missing(why);
  }
  const members = jsonMembers(json);
  if (members === undefined) return escapeJson(json);
  return members.map(({ name, text }) => `${escapeControls(name)}=${shown(name, text, kind, notes, most)}`).join(', ');
}

/** Most characters of one value on a line for people: a string of the default 512 bytes is whole, a server's whole state is not. */
const mostShown = 800;

/** A value's text; what is left out of it is told. Where values are to be short, that they are cut is seen. */
function brief(value: GoText, most: number = mostShown): string {
  const { text } = value;
  const told = most >= mostShown;
  if (text.length <= most) return told && value.folded ? `${text} <folded: -o json has all>` : text;
  const start = text.slice(0, most).replace(/[\ud800-\udbff]$/, '');
  return told ? `${start}… <${text.length - start.length} characters more: -o json has them>` : `${start}…`;
}

function shown(name: string, text: string, kind: string, notes: Notes, most: number): string {
  const path = `${kind}.${name}`;
  if (notes === undefined) return brief(goValue(text, path, notes, most), most);
  const note = notes[path] ?? notes[name];
  if (text === 'null') return note === undefined ? 'nil' : missing(note);
  const value = goValue(text, path, notes, most);
  const own =
    note === undefined || value.tells(path)
      ? ''
      : cutMark(note, text.startsWith('"') ? (JSON.parse(text) as string) : null);
  const inner = Object.entries(notes)
    .filter(([key]) => (key.startsWith(`${path}.`) || key.startsWith(`${path}[`)) && !value.tells(key))
    .map(
      ([key, reason]) => ` <${escapeControls(key.slice(path.length).replace(/^\./, ''))}: ${escapeControls(reason)}>`,
    );
  return `${brief(value, most)}${brief(new GoText(hintsOnce(`${own}${inner.join('')}`)), most)}`;
}

/** What a limit's reason says of how it is raised stands where it is first told. */
function hintsOnce(notes: string): string {
  const told = new Set<string>();
  return notes.replaceAll(/ \(limit [^()]*\)/g, (hint) => {
    const again = told.has(hint);
    told.add(hint);
    return again ? '' : hint;
  });
}
