/** `main.Map` of `main.Map[go.shape.int]`, `main.(*Box).Set` of `main.(*Box[go.shape.int]).Set`: without type arguments. */
export function withoutTypeArguments(name: string): string {
  const open = name.indexOf('[');
  // `type:.eq.[2]string` and the like are no generics.
  if (open < 0 || name.startsWith('type:') || name.startsWith('type.')) return name;
  let text = '';
  let depth = 0;
  for (const character of name) {
    if (character === '[') depth++;
    else if (character === ']') depth--;
    else if (depth === 0) text += character;
  }
  return text;
}

/** Is a name of the function table that of debug info? Up to Go 1.25 the table has `main.Map[...]` for all instances of a generic function. */
export function sameName(listed: string, name: string): boolean {
  return listed === name || (listed.includes('[...]') && withoutTypeArguments(listed) === withoutTypeArguments(name));
}

/** `main.Map[...].func1` of `main.Map[go.shape.int].func1`, as Go's own stack traces have it: the shapes are not what anybody wrote. */
export function withoutShapes(name: string): string {
  if (!name.includes('go.shape.')) return name;
  let text = '';
  let depth = 0;
  for (const character of name) {
    if (character === '[' && depth++ === 0) text += '[...]';
    else if (character === ']') depth--;
    else if (depth === 0) text += character;
  }
  return text;
}

/** `go.shape.int,go.shape.string` of `main.Map[go.shape.int,go.shape.string]`: what is in its brackets. */
export function typeArgumentsIn(name: string): string {
  let text = '';
  let depth = 0;
  for (const character of name) {
    if (character === ']') depth--;
    if (depth > 0) text += character;
    else if (character === '[' && text !== '') text += '; ';
    if (character === '[') depth++;
  }
  return text;
}

/**
 * Is it a function instantiated for type shapes, which has a hidden dictionary parameter (Go ≥ 1.18)? Closures inside of one
 * have none: they find it in their context.
 */
export function hasDictionary(name: string): boolean {
  if (!/[[,]go\.shape\./.test(name)) return false;
  return !/\.(func|gowrap|deferwrap)\d+|-fm$|-range\d+/.test(withoutTypeArguments(name));
}

/** Is it a closure, or the body of a loop over a function? */
export function isClosure(name: string): boolean {
  return /\.func\d+|-range\d+/.test(withoutTypeArguments(name));
}

/** Is it one inside of a function that is instantiated for type shapes? */
export function isShapeClosure(name: string): boolean {
  return /[[,]go\.shape\./.test(name) && isClosure(name);
}

/** `main.(*Server).Handle`, `main.Point.Sum`: is there a receiver? By the name alone; undefined where that does not tell (closures, wrappers). */
export function receiverOf(name: string): {
  readonly package: string;
  readonly receiver: string | undefined;
  readonly rest: string;
} {
  const plain = withoutTypeArguments(name);
  const slash = plain.lastIndexOf('/');
  const dot = plain.indexOf('.', slash + 1);
  if (dot < 0) return { package: '', receiver: undefined, rest: plain };
  const path = plain.slice(0, dot);
  const rest = plain.slice(dot + 1);
  const pointer = /^\((\*[^)]+)\)\.(.+)$/.exec(rest);
  if (pointer) return { package: path, receiver: pointer[1]!, rest: pointer[2]! };
  const parts = rest.split('.');
  // `Point.Sum` is a method, `main.func1`, `Map.func2` and `f.deferwrap1` are closures of a function.
  if (parts.length === 2 && !/^(func|gowrap|deferwrap)\d+/.test(parts[1]!) && !/^\d+$/.test(parts[1]!)) {
    return { package: path, receiver: parts[0]!, rest: parts[1]! };
  }
  return { package: path, receiver: undefined, rest };
}

/** Does `name` end in `suffix` at a border: behind a character that is no letter, digit or underscore? */
export function endsAtBorder(name: string, suffix: string): boolean {
  if (suffix === '' || !name.endsWith(suffix)) return false;
  const before = name.at(-suffix.length - 1);
  return before === undefined || !/[\p{L}\p{N}_]/u.test(before);
}

/**
 * The spellings that the linker may have of a name that people write plainly: `gopkg.in/yaml%2ev3.Unmarshal` for
 * `gopkg.in/yaml.v3.Unmarshal`. As written first. Which dot ends the package's path, the name alone does not tell.
 */
export function linkerSpellings(name: string): string[] {
  const plain = /^[^[(]*/.exec(name)![0];
  const spellings = new Set([name]);
  for (let dot = plain.indexOf('.', plain.lastIndexOf('/') + 1); dot >= 0; dot = plain.indexOf('.', dot + 1)) {
    spellings.add(escapePath(name.slice(0, dot)) + name.slice(dot));
  }
  return [...spellings];
}

/** As people write it: `gopkg.in/yaml.v3.Unmarshal` of the linker's `gopkg.in/yaml%2ev3.Unmarshal`. */
export function asWritten(name: string): string {
  return name.replaceAll('%2e', '.');
}

/** As cmd/internal/objabi, PathToPrefix: dots in the last element; in all of it controls, `%`, `"` and what is not ASCII. */
function escapePath(path: string): string {
  const last = path.lastIndexOf('/') + 1;
  let text = '';
  for (const [i, part] of [path.slice(0, last), path.slice(last)].entries()) {
    // A path that was copied from our own output is escaped already.
    for (const character of part.split(/(%[0-9a-f]{2}|.)/u)) {
      if (character === '.' && i === 1) text += '%2e';
      else if (character === '%' || character === '"') text += `%${character.charCodeAt(0).toString(16)}`;
      else if (/[^!-~]/.test(character)) text += encodeURIComponent(character).toLowerCase();
      else text += character;
    }
  }
  return text;
}

/** `Set` of `main.(*Box[go.shape.int]).Set`: behind the last dot, without type arguments. */
export function lastComponent(name: string): string {
  const plain = withoutTypeArguments(name);
  return plain.slice(plain.lastIndexOf('.') + 1);
}

/** `(*Server).Serve` of `net/http.(*Server).Serve`; a name without a package as it is. */
export function behindPackage(name: string): string {
  const plain = withoutTypeArguments(name);
  const dot = plain.indexOf('.', plain.lastIndexOf('/') + 1);
  return dot <= 0 ? name : name.slice(dot + 1);
}
