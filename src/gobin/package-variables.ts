import { type Address, address } from '#base';
import { attribute, type Dwarf, tag } from '#dwarf';
import type { TypeRef } from './types.ts';

/** A package-level variable: where it lies in the file's addresses. */
export interface PackageVariable {
  /** With the import path: `net/http.DefaultClient`. */
  readonly name: string;
  readonly address: Address;
  readonly type: TypeRef;
}

export type VariableLookup =
  | { readonly kind: 'found'; readonly variable: PackageVariable }
  /** The name is that of a constant of an integer type. */
  | { readonly kind: 'constant'; readonly type: TypeRef; readonly value: bigint }
  | { readonly kind: 'no-package' }
  /** Several packages have this last element: their import paths. */
  | { readonly kind: 'ambiguous'; readonly packages: readonly string[] }
  /** `names`: the variables and constants of the package that are in the binary. */
  | { readonly kind: 'missing'; readonly package: string; readonly names: readonly string[] };

/** `package`: an import path, or its last element where only one package has it. Reads the debug info of that package. */
export function findPackageVariable(dwarf: Dwarf, wanted: string, name: string): VariableLookup {
  const units = dwarf.units().filter((unit) => {
    const path = dwarf.root(unit).name;
    return path === wanted || path.endsWith(`/${wanted}`);
  });
  const paths = [...new Set(units.map((unit) => dwarf.root(unit).name))];
  const path = paths.includes(wanted) ? wanted : paths[0];
  if (path === undefined) return { kind: 'no-package' };
  if (path !== wanted && paths.length > 1) return { kind: 'ambiguous', packages: paths.sort() };
  const full = `${path}.${name}`;
  const names: string[] = [];
  for (const unit of units) {
    if (dwarf.root(unit).name !== path) continue;
    const root = dwarf.die(unit.root);
    if (root === undefined) continue;
    for (const die of dwarf.children(root)) {
      if (die.tag !== tag.variable) continue;
      const own = dwarf.string(die, attribute.name);
      const type = dwarf.number(die, attribute.type);
      const at = dwarf.staticAddress(die);
      if (own === undefined || type === undefined || at === undefined) continue;
      if (own === full) return { kind: 'found', variable: { name: full, address: address(at), type } };
      if (own.startsWith(`${path}.`)) names.push(own.slice(path.length + 1));
    }
  }
  for (const { name: own, type, value } of dwarf.constants(path)) {
    if (!Number.isSafeInteger(value)) continue;
    if (own === full) return { kind: 'constant', type, value: BigInt(value) };
    if (own.startsWith(`${path}.`)) names.push(own.slice(path.length + 1));
  }
  return { kind: 'missing', package: path, names };
}
