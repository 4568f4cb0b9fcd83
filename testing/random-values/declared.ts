/** A type that a random program declares. */
const ownName = /\b[NTL]\d+\b/g;

/**
 * A signature for a probe, with declarations of the types that it names: under other names than they have in the binary, so that the binary's own
 * descriptors of them count for nothing.
 */
export function declaredSignature(signature: string, declarations: readonly string[]): string {
  const byName = new Map(declarations.map((each) => [/^type (\w+)/.exec(each)![1]!, each]));
  const needed = new Set(signature.match(ownName));
  // A set that grows is gone through to its end.
  for (const name of needed) for (const other of byName.get(name)?.match(ownName) ?? []) needed.add(other);
  const text = [...[...needed].map((name) => byName.get(name)!), signature].join('\n');
  // An embedded field keeps its name.
  return text.replace(/^\t(\*?)([NTL]\d+)$|\b[NTL]\d+\b/gm, (found, star: string, name: string) =>
    name === undefined ? `own${found}` : `\t${name} ${star}own${name}`,
  );
}
