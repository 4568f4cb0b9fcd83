import type { Diagnostic } from '#base';
import type { GoFunction } from '#gobin';
import type { LogicalProbe } from '#model';
import type { BinaryView } from '../binary.ts';
import type { Resolution } from '../types.ts';

/** The probe's function in the binary. Diagnostics: missing (nearest names), ambiguous (candidates), inlined everywhere. */
export function resolveFunction(
  probe: LogicalProbe,
  binary: Pick<BinaryView, 'findFunction'>,
): Resolution<{ readonly function: GoFunction; readonly inlinedCopies: number }> {
  const found = binary.findFunction(probe.function);
  const fail = (id: string, message: string, hints: readonly string[]): Resolution<never> => {
    const diagnostic: Diagnostic = {
      id,
      message,
      ...(probe.span === undefined ? {} : { span: probe.span }),
      ...(hints.length === 0 ? {} : { hints }),
    };
    return { ok: false, diagnostics: [diagnostic] };
  };
  switch (found.kind) {
    case 'found':
      return { ok: true, value: found };
    case 'missing':
      return fail('probe.no-such-function', `there is no function '${probe.function}' in the binary`, [
        ...found.nearest.map((name) => `did you mean ${name}?`),
        '`px funcs <process> [pattern]` lists the functions',
      ]);
    case 'ambiguous':
      return fail(
        'probe.ambiguous-function',
        `'${probe.function}' is ambiguous: it names ${found.candidates.length + found.more} functions`,
        [
          'say which:',
          ...found.candidates,
          ...(found.more === 0 ? [] : [`and ${found.more} more: \`px funcs <process> [pattern]\` lists them`]),
        ],
      );
    case 'inlined':
      return fail(
        'probe.inlined-everywhere',
        `'${probe.function}' has no code of its own: the compiler inlined it everywhere (${found.copies} ${found.copies === 1 ? 'copy' : 'copies'})`,
        ['trace one of its callers, or rebuild with //go:noinline before the function'],
      );
  }
}
