import { receiverOf } from './names.ts';
import type { GoFunction, GoSignature, GoType, GoVariable, TypeRef } from './types.ts';

/** What of a binary is needed to print a signature. */
export interface SignatureReader {
  signature(fn: GoFunction): GoSignature;
  type(ref: TypeRef): GoType;
}

/**
 * A signature as Go writes it: `func (s *Server) Handle(ctx context.Context, n int8) (int, error)`, and without a receiver
 * `func(iterations int64) float64`. `func?` when it is not known. The function's own package is left out of type names.
 */
export function formatSignature(binary: SignatureReader, fn: GoFunction): string {
  const signature = binary.signature(fn);
  if (signature.unknown !== undefined) return 'func?';
  const named = receiverOf(fn.name);
  const typeName = (variable: GoVariable) => formatType(binary.type(variable.type), named.package);
  const one = (variable: GoVariable) => `${variable.name.startsWith('#') ? '_' : variable.name} ${typeName(variable)}`;
  const [first, ...rest] = signature.parameters;
  const isMethod =
    named.receiver !== undefined && first !== undefined && isReceiver(binary.type(first.type).name, named.receiver);
  const listed = isMethod ? rest : signature.parameters;
  const parameters = signature.parametersUnknown === undefined ? listed.map(one).join(', ') : '?';
  const head = isMethod ? `func (${one(first)}) ${named.rest}` : 'func';
  const unnamed = signature.results.every((result) => result.name.startsWith('$'));
  const results = signature.results.map((result) =>
    unnamed ? typeName(result) : `${result.name.startsWith('$') ? '_' : result.name} ${typeName(result)}`,
  );
  // Of Go 1.17: what comes behind is not known.
  if (signature.resultsUnknown !== undefined) return `${head}(${parameters}) ?`;
  const tail =
    results.length === 0 ? '' : results.length === 1 && unnamed ? ` ${results[0]}` : ` (${results.join(', ')})`;
  return `${head}(${parameters})${tail}`;
}

/** A type's name as it is written in a package: `*http.Request`. */
export function formatType(type: GoType, own: string | undefined): string {
  const local = type.name.replaceAll(/[\w./%-]+\.(?=[A-Za-z_])/g, (prefix) => shorten(prefix, own));
  return local.replaceAll('interface {}', 'any') || '?';
}

/** `net/http.` becomes `http.`, the own package's nothing. */
function shorten(prefix: string, own: string | undefined): string {
  const path = prefix.slice(0, -1);
  if (path === own) return '';
  return `${path.slice(path.lastIndexOf('/') + 1)}.`;
}

function isReceiver(typeName: string, receiver: string): boolean {
  const plain = (text: string) => text.replace(/\[.*\]/, '');
  const pointer = receiver.startsWith('*') ? '*' : '';
  return plain(typeName).startsWith(pointer) && plain(typeName).endsWith(`.${plain(receiver.replace('*', ''))}`);
}
