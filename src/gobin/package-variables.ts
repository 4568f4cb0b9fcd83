import { type Address, address } from '#base';
import { attribute, type Dwarf, tag } from '#dwarf';
import { asWritten } from './names.ts';
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

/**
 * `written`: an import path, or what the package is called by, its last element or its own name (`yaml` of `gopkg.in/yaml.v3`), where of the packages that are called so only
 * one has the name. Reads the debug info of those.
 */
export function findPackageVariable(dwarf: Dwarf, written: string, name: string): VariableLookup {
  const wanted = asWritten(written);
  const called = new Set<string>();
  for (const unit of dwarf.units()) {
    const { name: path, packageName } = dwarf.root(unit);
    if (path === wanted) return inPackage(dwarf, path, name);
    if (path.endsWith(`/${wanted}`) || packageName === wanted) called.add(path);
  }
  const paths = [...called].sort();
  const lookups = paths.map((path) => inPackage(dwarf, path, name));
  const found = lookups.filter(({ kind }) => kind !== 'missing');
  if (found.length === 1) return found[0]!;
  return lookups.length > 1 ? { kind: 'ambiguous', packages: paths } : (lookups[0] ?? { kind: 'no-package' });
}

function inPackage(dwarf: Dwarf, path: string, name: string): VariableLookup {
  const full = `${path}.${name}`;
  const names: string[] = [];
  for (const unit of dwarf.units()) {
    if (dwarf.root(unit).name !== path) continue;
    const root = dwarf.die(unit.root);
    if (root === undefined) continue;
    for (const die of dwarf.children(root)) {
      if (die.tag !== tag.variable) continue;
      const type = dwarf.number(die, attribute.type);
      const at = dwarf.staticAddress(die);
      if (type === undefined || at === undefined) continue;
      const own = asWritten(dwarf.string(die, attribute.name) ?? '');
      if (own === full) return { kind: 'found', variable: { name: full, address: address(at), type } };
      if (own.startsWith(`${path}.`)) names.push(own.slice(path.length + 1));
    }
  }
  for (const { name: own, type, value } of dwarf.constants(path)) {
    if (own === full) return { kind: 'constant', type, value };
    if (own.startsWith(`${path}.`)) names.push(own.slice(path.length + 1));
  }
  return { kind: 'missing', package: path, names };
}
