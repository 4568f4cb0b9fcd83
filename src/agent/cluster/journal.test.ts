import { expect, test } from 'vitest';
import type { sonde } from '#api';
import { batchOfRows } from '#model';
import { formatPlace, Journal, type Place, parsePlace } from './journal.ts';

const relation = { columns: [{ name: 's', type: 'STRING' as const, semantic: 'ST_NONE' as const }] };
const rows = (...texts: string[]) =>
  batchOfRows(
    relation,
    texts.map((text) => [text]),
  );
const message = (reason: string): Pick<sonde.TraceReply, 'event'> => ({
  event: { $case: 'armed', value: { processes: 0, upids: [], warnings: [], failures: [reason], name: '', places: [] } },
});

/** All that is there behind a place, rows as their numbers in their batch; and the place behind it. */
function read(journal: Journal, at: Place): { seen: string[]; place: Place } {
  let place = journal.from(at);
  const seen: string[] = [];
  for (let next = journal.next(place); next !== undefined; next = journal.next(place)) {
    if ('batch' in next) {
      seen.push(`row ${next.row} of ${next.batch.rows}`);
      place = { ...place, rows: place.rows + 1 };
    } else {
      seen.push(next.event?.$case === 'armed' ? next.event.value.failures[0]! : '');
      place = { ...place, messages: place.messages + 1 };
    }
  }
  return { seen, place };
}
const journalOf = (most = 16 << 20) => new Journal('a', () => most);
const beginning = (journal: Journal): Place => ({ journal: journal.id, rows: 0, messages: 0, missed: 0 });

test('each row and each message comes once, in order, from any place on', () => {
  const journal = journalOf();
  journal.message(message('one'));
  journal.rows(rows('x', 'y'));
  journal.message(message('two'));
  journal.message(message('three'));
  journal.rows(rows('z'));
  const all = ['one', 'row 0 of 2', 'row 1 of 2', 'two', 'three', 'row 0 of 1'];
  expect(read(journal, beginning(journal)).seen).toEqual(all);
  let place = beginning(journal);
  for (let i = 0; i < all.length; i++) {
    expect(read(journal, place).seen).toEqual(all.slice(i));
    const next = journal.next(place)!;
    place = 'batch' in next ? { ...place, rows: place.rows + 1 } : { ...place, messages: place.messages + 1 };
  }
  expect(journal.next(place)).toBeUndefined();
  journal.rows(rows('later'));
  expect(read(journal, place).seen).toEqual(['row 0 of 1']);
});

test('who is too far behind has missed just what is not kept', () => {
  const journal = journalOf(2500);
  journal.rows(rows('first', 'second'));
  const { place } = read(journal, beginning(journal));
  for (let i = 0; i < 20; i++) journal.rows(rows('x'.repeat(200), ''));
  const { seen, place: end } = read(journal, place);
  expect(end.rows).toBe(42);
  expect(end.missed).toBeGreaterThan(0);
  expect(seen.length + end.missed).toBe(40);
  // Once.
  expect(journal.from(end)).toEqual(end);
});

test('who waits hears of what comes', async () => {
  const journal = journalOf();
  const { signal } = new AbortController();
  const heard = journal.changed(60_000, signal);
  journal.rows(rows('x'));
  expect(await heard).toBe(true);
  expect(await journal.changed(1, signal)).toBe(false);
});

test('a place is a text, and a text may be none', () => {
  const place = { journal: 'a1', rows: 5, messages: 2, missed: 1 };
  expect(parsePlace(formatPlace(place))).toEqual(place);
  for (const text of ['', 'a 1 2', 'a 1 2 x']) expect(parsePlace(text)).toBeUndefined();
});
