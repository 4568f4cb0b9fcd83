import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonMembers } from './members.ts';

test('values keep their text', () => {
  expect(jsonMembers('{ "n" : 18446744073709551615 , "s":"a\\"},{" ,"o":{"x":[1,{"y":2}]}, "e":{} }')).toEqual([
    { name: 'n', text: '18446744073709551615' },
    { name: 's', text: '"a\\"},{"' },
    { name: 'o', text: '{"x":[1,{"y":2}]}' },
    { name: 'e', text: '{}' },
  ]);
  expect(jsonMembers('{}')).toEqual([]);
});

test('what is no object', () => {
  for (const text of ['', '[1]', '5', '{"a":', 'null']) expect(jsonMembers(text)).toBeUndefined();
});

test('names and values of any object, in order', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(0, 2), (object, space) => {
      const members = jsonMembers(JSON.stringify(object, undefined, space))!;
      expect(members.map(({ name }) => name)).toEqual(Object.keys(object));
      for (const { name, text } of members) expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(object[name]));
    }),
  );
});
