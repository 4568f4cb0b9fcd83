import type { SignatureHelp, SignatureInformation } from 'vscode-languageserver';
import { type Analysis, analyse, type Catalog, describe, membersOf } from '#planner';
import type { Call, Expression } from '#pxl';
import { markedScript, pathTo, type TreeNode } from './place.ts';

/** The forms of the call around a place, and which of its parameters stands there. */
export function signatureHelp(text: string, offset: number, catalog: Catalog): SignatureHelp | undefined {
  const marked = markedScript(text, offset);
  if (marked === undefined) return undefined;
  const analysis = analyse(marked.script, catalog, BigInt(Date.now()) * 1_000_000n);
  const call = pathTo(analysis.parsed.tree, offset)
    .reverse()
    .find(
      (node): node is TreeNode & Call => node.kind === 'call' && offset > (node as TreeNode & Call).function.span.end,
    );
  if (call === undefined) return undefined;
  const signatures = formsOf(call.function, analysis);
  if (signatures.length === 0) return undefined;
  const given = call.arguments.findIndex((argument) => argument.span.end >= offset);
  const place = given < 0 ? call.arguments.length : given;
  const keyword = call.arguments[place]?.name;
  const names = (form: SignatureInformation) => (form.parameters ?? []).map(({ label }) => nameOf(String(label)));
  const fitting = signatures.findIndex((form) => names(form).length > place);
  const active = Math.max(0, fitting);
  const named = keyword === undefined ? -1 : names(signatures[active]!).indexOf(keyword);
  return { signatures, activeSignature: active, activeParameter: named < 0 ? place : named };
}

function formsOf(callee: Expression, analysis: Analysis): SignatureInformation[] {
  const object = callee.kind === 'attribute' ? analysis.valueOf(callee.object) : undefined;
  const member =
    object && callee.kind === 'attribute'
      ? membersOf(analysis.session, object).find((each) => each.name === callee.name && each.kind !== 'column')
      : undefined;
  if (member)
    return member.detail === '' ? [] : member.detail.split('\n').map((form) => information(form, member.what));
  const value = analysis.valueOf(callee) ?? (callee.kind === 'name' ? analysis.globals.get(callee.name) : undefined);
  if (value?.kind !== 'function') return [];
  const [form, ...what] = describe(value)!.split('\n');
  return [information(form!.replace(/^def /, ''), what.join('\n'))];
}

function information(label: string, what = ''): SignatureInformation {
  const list = label.slice(label.indexOf('(') + 1, label.lastIndexOf(')'));
  const parameters = list === '' ? [] : list.split(', ').map((each) => ({ label: each }));
  return { label, parameters, ...(what === '' ? {} : { documentation: what }) };
}

function nameOf(parameter: string): string {
  return parameter.split(/[:=]/, 1)[0]!;
}
