import { expect, test } from 'vitest';
import { goValue } from './go-value.ts';

const shown = (json: string, notes?: Record<string, string>) => goValue(json, 'args.x', notes).text;

test('values as a Go programmer writes them', () => {
  expect(shown('{"&":"0xc000012345","Name":"x","Age":18446744073709551615}')).toBe(
    '&{Name:"x" Age:18446744073709551615}',
  );
  expect(shown('[1,[true,null],"a b"]')).toBe('[1 [true nil] "a b"]');
  expect(shown('{"(type)":"int","=":5}')).toBe('int(5)');
  expect(shown('{"(type)":"*main.T","&":"0x10","N":1}')).toBe('*main.T{N:1}');
  expect(shown('{"(type)":"*main.T","=":null}')).toBe('*main.T(nil)');
  expect(shown('{"(type)":"*errors.errorString","Error()":"gone","&":"0x10","s":"gone"}')).toBe(
    '*errors.errorString("gone")',
  );
  expect(shown('{"&":"0x10","=":5}')).toBe('&5');
  expect(shown('{"&":"0x10"}')).toBe('0x10');
  expect(shown('{"hex":"ff00"}')).toBe('hex(ff00)');
  expect(shown('{"k 1":{"time":"2026-01-01T00:00:00Z","monotonic_ns":7}}')).toBe('{"k 1":2026-01-01T00:00:00Z}');
});

test('what was not captured is never nil', () => {
  const notes = { 'args.x.P': 'not captured: deeper than 5 references', 'args.x.M["k"]': 'not captured: redacted' };
  const value = goValue('{"P":null,"M":{"k":null},"Q":null}', 'args.x', notes);
  expect(value.text).toBe('{P:<not captured: deeper than 5 references> M:{k:<not captured: redacted>} Q:nil}');
  expect(['args.x.P', 'args.x.M["k"]', 'args.x.Q'].map((path) => value.tells(path))).toEqual([true, true, false]);
  expect(shown('{"&":"0x10"}', { 'args.x': 'not captured: too deep' })).toBe('&(0x10)<not captured: too deep>');
});

test('nothing that a terminal acts on', () => {
  expect(shown('{"a":"\\u001b[2J\\u202e"}')).toBe('{a:"\\u001b[2J\\u202e"}');
});

test('of a map that is a list, too', () => {
  const notes = { 'args.x[0][1]': 'not captured: too deep', 'args.x[1][0]': 'main.Red' };
  expect(shown('[[1,null],[2,"b"]]', notes)).toBe('[[1 <not captured: too deep>] [main.Red(2) "b"]]');
});

test('how a limit is raised is told once', () => {
  const reason = (n: number) => `not captured: deeper than ${n} references (limit depth 5: --depth)`;
  expect(shown('[null,null]', { 'args.x[0]': reason(5), 'args.x[1]': reason(5) })).toBe(
    '[<not captured: deeper than 5 references (limit depth 5: --depth)> <not captured: deeper than 5 references>]',
  );
});

test('a constant has its type in its name', () => {
  const notes = { 'args.x': 'main.Tue' };
  expect(goValue('{"(type)":"main.Weekday","=":1}', 'args.x', notes).text).toBe('main.Tue(1)');
  expect(goValue('{"(type)":"main.Weekday","=":9}', 'args.x', {}).text).toBe('main.Weekday(9)');
});

test('what is too long is folded, the deepest first', () => {
  const json =
    '{"&":"0x10","Body":{"(type)":"*http.body","src":{"R":{"n":1}},"closed":false},"Host":"a","Via":[1,2],"None":[]}';
  const notes = { 'args.x.Body.src.R.m': 'not captured: too deep', 'args.x.Bodyguard': 'not captured: too deep' };
  const folded = (most: number) => goValue(json, 'args.x', notes, most);
  expect(folded(200).text).toBe('&{Body:*http.body{src:{R:{n:1}} closed:false} Host:"a" Via:[1 2] None:[]}');
  expect(folded(200).folded).toBe(false);
  expect(folded(72).text).toBe('&{Body:*http.body{src:{R:{…}} closed:false} Host:"a" Via:[1 2] None:[]}');
  expect(folded(60).text).toBe('&{Body:*http.body{…} Host:"a" Via:[…] None:[]}');
  expect(folded(60).tells('args.x.Body.src.R.m')).toBe(true);
  expect(folded(60).tells('args.x.Bodyguard')).toBe(false);
  // What it is itself, stays.
  expect(folded(5)).toEqual(folded(60));
});
