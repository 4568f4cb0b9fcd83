import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeUtf8 } from '#base';
import { NameIndex } from './name-index.ts';

it('finds every text, also those that are there twice, and no other once they are compared', () => {
  const name = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(fc.array(name, { maxLength: 60 }), name, (names, other) => {
      const bytes = encodeUtf8(names.map((each) => `${each}\0`).join(''));
      const starts: number[] = [];
      let at = 0;
      for (const each of names) {
        starts.push(at);
        at += encodeUtf8(each).length + 1;
      }
      const index = new NameIndex(bytes, names.length, (i) => starts[i]!);
      for (const wanted of [...names, other]) {
        const found = index.candidates(encodeUtf8(wanted)).filter((i) => names[i] === wanted);
        expect(found.sort((a, b) => a - b)).toEqual(names.flatMap((each, i) => (each === wanted ? [i] : [])));
      }
    }),
  );
});
