import { expect, it } from 'vitest';
import { fieldsAt } from './fields.ts';
import type { GoField, GoFunction, GoType, TypeRef } from './types.ts';

const int: GoType = { kind: 'int', name: 'int', size: 8 };
const pointer = (name: string, elem: TypeRef): GoType => ({ kind: 'pointer', name, size: 8, elem });
const struct = (name: string, ...fields: readonly GoField[]): GoType => ({ kind: 'struct', name, size: 8, fields });
const field = (name: string, type: number, embedded = false): GoField => ({
  name,
  type: type as TypeRef,
  offset: 0,
  embedded,
});

/** type Order struct { *Base; Customer shop/model.Customer; ID int; _ int }; type Base struct { ID, Version int; *Order } */
const types: readonly GoType[] = [
  int,
  struct('main.Order', field('Base', 2, true), field('Customer', 4), field('ID', 0), field('_', 0)),
  pointer('*main.Base', 3 as TypeRef),
  struct('main.Base', field('ID', 0), field('Version', 0), field('Order', 5, true)),
  struct('shop/model.Customer', field('Age', 0)),
  pointer('*main.Order', 1 as TypeRef),
];
const variable = (name: string, type: number) => ({ name, type: type as TypeRef, places: [] });
const binary = {
  type: (ref: TypeRef) => types[ref as number]!,
  signature: () => ({ parameters: [variable('o', 5), variable('n', 0)], results: [variable('$0', 1)] }),
};
const at = (path: string) =>
  fieldsAt(binary, { name: 'main.pay' } as GoFunction, path).map(({ name, type }) => `${name} ${type}`);

it('fields of a struct, then promoted ones; embedding may go round', () => {
  const order = ['Base *Base', 'Customer model.Customer', 'ID int', 'Version int', 'Order *Order'];
  expect(at('o')).toEqual(order);
  expect(at('$0')).toEqual(order);
  expect(at('o.Customer')).toEqual(['Age int']);
  expect(at('o.Order.Base')).toEqual([
    'ID int',
    'Version int',
    'Order *Order',
    'Base *Base',
    'Customer model.Customer',
  ]);
});

it('nothing where the path leads to no struct, or nowhere', () => {
  for (const path of ['n', 'o.ID', 'o.Nothing', 'p', '']) expect(at(path)).toEqual([]);
});
