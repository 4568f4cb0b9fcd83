import { bytes, error, funcs, type KeyType, keys, type RandomType, scalar, sized, time, wellKnown } from './leaves.ts';
import type { Random } from './random.ts';

export function pointerTo(elem: RandomType): RandomType {
  return {
    text: `*${elem.text}`,
    comparable: false,
    value: (r) =>
      r.chance(20) ? 'nil' : `func() *${elem.text} { var v ${elem.text} = ${elem.value(r)}; return &v }()`,
  };
}

export function sliceOf(elem: RandomType): RandomType {
  return {
    text: `[]${elem.text}`,
    comparable: false,
    value: (r) => (r.chance(15) ? 'nil' : `[]${elem.text}{${several(elem, r, r.next(5))}}`),
  };
}

function arrayOf(count: number, elem: RandomType): RandomType {
  const text = `[${count}]${elem.text}`;
  return { text, comparable: false, value: (r) => `${text}{${several(elem, r, count)}}` };
}

/** Some have gone around their buffer's end. */
function channelOf(elem: RandomType): RandomType {
  const text = `chan ${elem.text}`;
  const send = (r: Random, count: number) => Array.from({ length: count }, () => `c <- ${elem.value(r)}; `).join('');
  return {
    text,
    comparable: false,
    value: (r) => {
      if (r.chance(20)) return 'nil';
      if (r.chance(25)) return `func() ${text} { c := make(${text}, 3); shut(c); close(c); return c }()`;
      const before = r.chance(40) ? `${send(r, 3)}<-c; <-c; <-c; ` : '';
      return `func() ${text} { c := make(${text}, 4); ${before}${send(r, r.next(5))}return c }()`;
    },
  };
}

/** Some have had more entries than they have. */
function mapOf(key: KeyType, elem: RandomType, most: number): RandomType {
  const text = `map[${key.text}]${elem.text}`;
  return {
    text,
    comparable: false,
    value: (r) => {
      if (r.chance(10)) return 'nil';
      const count = r.next((key.few ? Math.min(most, 2) : most) + 1);
      const entry = (i: number) => `${key.value(i)}: ${elem.value(r)}`;
      const whole = `${text}{${Array.from({ length: count }, (_, i) => entry(i)).join(', ')}}`;
      if (key.few || count > 20 || r.chance(70)) return whole;
      const gone = Array.from({ length: 12 }, (_, i) => `(${key.text})${literal(key, count + i)}`);
      const put = gone.map((each) => `m[${each}] = z; `).join('');
      const drop = gone.map((each) => `delete(m, ${each}); `).join('');
      return `func() ${text} { m := ${whole}; var z ${elem.text}; ${put}${drop}return m }()`;
    },
  };
}

/** A key outside of a composite literal. */
function literal(key: KeyType, number: number): string {
  const value = key.value(number);
  return value.startsWith('{') ? `(${key.text}${value})` : `(${value})`;
}

function several(elem: RandomType, random: Random, count: number): string {
  return Array.from({ length: count }, () => elem.value(random)).join(', ');
}

/** Draws types, and writes the declarations of those that have a name. */
export class RandomTypes {
  readonly #random: Random;
  readonly declarations: string[] = [];
  #names = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** `depth`: how many more types it may be made of. */
  any(depth: number): RandomType {
    const random = this.#random;
    if (depth === 0 || random.chance(35)) return scalar(random);
    switch (random.next(23)) {
      case 0:
      case 1:
      case 2:
        return this.struct(depth);
      case 3:
      case 4:
        return pointerTo(this.any(depth - 1));
      case 5:
      case 6:
        return sliceOf(this.any(depth - 1));
      case 7:
        return arrayOf(random.next(4), this.any(depth - 1));
      case 8:
      case 9:
      case 10:
        return this.#map(depth);
      case 11:
      case 12:
        return this.#interface(depth);
      case 13:
        return error;
      case 14:
        return channelOf(random.chance(50) ? scalar(random) : this.any(depth - 1));
      case 15:
        return this.named(depth);
      case 16:
        return random.of(wellKnown);
      case 17:
        return this.#list();
      case 18:
        return this.#unnamed(depth);
      case 19:
        return this.#wide();
      case 20:
        return random.of(funcs);
      case 21:
        return this.#thin(depth);
      default:
        return random.of([time, bytes, sized]);
    }
  }

  /** A named type that may have methods. */
  named(depth: number): RandomType {
    const random = this.#random;
    const type = random.of<() => RandomType>([
      () => scalar(random),
      () => scalar(random),
      () => sliceOf(scalar(random)),
      () => arrayOf(2, scalar(random)),
      () => (depth > 1 ? this.#map(1) : scalar(random)),
      () => random.of(funcs),
    ])();
    return this.#declared('N', type);
  }

  struct(depth: number): RandomType {
    const random = this.#random;
    const fields = Array.from({ length: random.next(6) }, (_, i): Field => {
      if (i === 0 && random.chance(8)) {
        const type = random.of([sized, error]);
        return { name: type.text, type, embedded: true };
      }
      if (depth > 1 && random.chance(12)) {
        const embedded = this.struct(depth - 1);
        return { name: embedded.text, type: random.chance(50) ? embedded : pointerTo(embedded), embedded: true };
      }
      const type = this.any(depth - 1);
      const blank = random.chance(10) && type.comparable;
      return { name: blank ? '_' : `${random.chance(50) ? 'F' : 'f'}${i}`, type, embedded: false };
    });
    return this.#declared('T', structOf(fields));
  }

  /** A generic struct with a field for each of its type parameters, by its name. */
  generic(parameters: readonly string[]): string {
    const name = `G${this.#names++}`;
    const fields = parameters.map((each, i) => `\tF${i} ${each}\n`).join('');
    this.declarations.push(`type ${name}[${parameters.join(', ')} any] struct {\n${fields}}`);
    return name;
  }

  #declared(letter: string, type: RandomType): RandomType {
    const name = `${letter}${this.#names++}`;
    this.declarations.push(`type ${name} ${type.text}`);
    // A literal of a composite type has the type's own text before it.
    const value = (r: Random) => {
      const text = type.value(r);
      return text.startsWith(`${type.text}{`) ? `${name}${text.slice(type.text.length)}` : `${name}(${text})`;
    };
    return { text: name, comparable: type.comparable, value };
  }

  /** A linked list. */
  #list(): RandomType {
    const name = `L${this.#names++}`;
    const value = scalar(this.#random);
    this.declarations.push(`type ${name} struct {\n\tV ${value.text}\n\tNext *${name}\n}`);
    const link = (r: Random, left: number): string =>
      `&${name}{V: ${value.value(r)}, Next: ${left === 0 ? 'nil' : link(r, left - 1)}}`;
    return { text: `*${name}`, comparable: false, value: (r) => link(r, r.next(4)) };
  }

  #unnamed(depth: number): RandomType {
    const names = ['A', 'b', 'C'].slice(0, 1 + this.#random.next(3));
    return structOf(names.map((name) => ({ name, type: this.any(depth - 1), embedded: false })));
  }

  /** By value it is passed on the stack, and in a map by reference. */
  #wide(): RandomType {
    const random = this.#random;
    const fields = Array.from({ length: 16 + random.next(10) }, (_, i) => ({
      name: `W${i}`,
      type: scalar(random),
      embedded: false,
    }));
    return this.#declared('T', structOf(fields));
  }

  /** A pointer beside what has no size: an interface has it in its data word from Go 1.26 on, unless it is padded for a last field of no size. */
  #thin(depth: number): RandomType {
    const random = this.#random;
    const of = (name: string, type: RandomType): Field => ({ name, type, embedded: false });
    const pointer = random.of<() => RandomType>([
      () => pointerTo(this.any(depth - 1)),
      () => this.#map(1),
      () => channelOf(scalar(random)),
      () => random.of(funcs),
    ])();
    const fields = [of(random.of(['_', 'E']), noSize), of('P', pointer)];
    const type = structOf(random.chance(30) ? [...fields, of('Z', noSize)] : fields);
    return random.chance(20) ? arrayOf(1, this.#declared('T', type)) : this.#declared('T', type);
  }

  #map(depth: number): RandomType {
    const random = this.#random;
    const elem = this.any(depth - 1);
    const isSmall = scalarText.test(elem.text);
    return mapOf(random.of(keys), elem, isSmall && random.chance(25) ? random.of([40, 120]) : 5);
  }

  #interface(depth: number): RandomType {
    const held = Array.from({ length: 3 }, () =>
      this.#random.chance(15) ? this.#thin(1) : this.any(Math.min(depth - 1, 2)),
    );
    return {
      text: 'interface{}',
      comparable: false,
      value: (r) => {
        if (r.chance(15)) return 'nil';
        const type = r.of(held);
        return `interface{}((${type.text})(${type.value(r)}))`;
      },
    };
  }
}

const noSize: RandomType = { text: 'struct{}', comparable: true, value: () => 'struct{}{}' };

const scalarText = /^(u?int\d*|uintptr|bool|float\d+|string)$/;

interface Field {
  readonly name: string;
  readonly type: RandomType;
  readonly embedded: boolean;
}

function structOf(fields: readonly Field[]): RandomType {
  const text = `struct {\n${fields.map(({ name, type, embedded }) => `\t${embedded ? '' : `${name} `}${type.text}\n`).join('')}}`;
  const written = fields.filter(({ name }) => name !== '_');
  return {
    text,
    comparable: false,
    value: (r) => `${text}{${written.map(({ name, type }) => `${name}: ${type.value(r)}`).join(', ')}}`,
  };
}
