import { type CompletionItem, CompletionItemKind } from 'vscode-languageserver';
import type { Target } from '#model';
import {
  type Analysis,
  analyse,
  type Catalog,
  columnMembers,
  contextMembers,
  importedModules,
  type Member,
  membersOf,
  pixieTableNames,
  type ScriptValue,
} from '#planner';
import type { Attribute, Call, Expression, FunctionDefinition, Subscript } from '#pxl';
import { markedScript, pathTo, type TreeNode } from './place.ts';

/** A function of the binary that the script traces. */
export interface BinaryFunction {
  readonly name: string;
  readonly signature: string;
  /** Of the struct at the path that was asked for. */
  readonly fields: readonly BinaryVariable[];
}

export interface BinaryVariable {
  readonly name: string;
  readonly type: string;
}

/** What an editor asks of running programs. */
export interface Programs {
  /** Functions whose names hold the pattern, of the processes that are traced, or of all Go processes where none of them runs. */
  functions(pattern: string, targets: readonly Target[], path?: string): Promise<readonly BinaryFunction[]>;
}

/** What may stand at a place in a script. */
export async function completions(
  text: string,
  offset: number,
  catalog: Catalog,
  programs: Programs,
): Promise<CompletionItem[]> {
  const marked = markedScript(text, offset);
  if (marked === undefined) return [];
  const analysis = analyse(marked.script, catalog, BigInt(Date.now()) * 1_000_000n);
  const path = pathTo(analysis.parsed.tree, offset);
  const last = path.at(-1);
  if (last?.kind === 'attribute') {
    const object = analysis.valueOf((last as Attribute).object);
    return object === undefined ? [] : items(membersOf(analysis.session, object));
  }
  if (last?.kind === 'string') return inString(text, offset, path, analysis, catalog, programs);
  if (last?.kind === 'import') {
    return importedModules.map((label) => ({ label, kind: CompletionItemKind.Module }));
  }
  if (last?.kind === 'name' || last === undefined || last.kind === 'script') return names(analysis);
  return [];
}

const keywords = ['def', 'return', 'if', 'else', 'for', 'in', 'import', 'from', 'lambda', 'True', 'False', 'None'];

function names({ globals }: Analysis): CompletionItem[] {
  const own = [...globals].map(([name, value]): CompletionItem => {
    const kind =
      value.kind === 'module'
        ? CompletionItemKind.Module
        : value.kind === 'function' || value.kind === 'probe'
          ? CompletionItemKind.Function
          : CompletionItemKind.Variable;
    return { label: name, kind };
  });
  return [...own, ...keywords.map((label): CompletionItem => ({ label, kind: CompletionItemKind.Keyword }))];
}

/** Arguments of pxtrace.probe that are Go. */
const expressions: ReadonlySet<string> = new Set(['when', 'per']);

async function inString(
  text: string,
  offset: number,
  path: readonly TreeNode[],
  analysis: Analysis,
  catalog: Catalog,
  programs: Programs,
): Promise<CompletionItem[]> {
  const node = path.at(-1)!;
  const written = text.slice(node.span.start, offset).replace(/^\w*['"]+/, '');
  const around = path.slice(0, -1).reverse();
  const call = around.find((each): each is TreeNode & Call => each.kind === 'call');
  const subscript = around.find((each): each is TreeNode & Subscript => each.kind === 'subscript');
  const callee = call && nameOf(call.function);
  if (callee === 'DataFrame' && around[0] === call) {
    const tables = new Set([...catalog.tables(), ...ownTables(analysis), ...pixieTableNames]);
    return [...tables].map((label) => ({ label, kind: CompletionItemKind.Struct }));
  }
  if (callee === 'probe' || callee === 'ArgExpr' || callee === 'RetExpr') {
    const targets = analysis.upserts.map(({ target }) => target);
    const argument = call!.arguments.find(({ value }) => value === (node as unknown));
    if (callee === 'probe' && !expressions.has(argument?.name ?? ''))
      return functionItems(await programs.functions(written, targets), written);
    const traced = tracedFunction(path);
    if (traced === undefined) return [];
    const to = /([\w$]+(?:\.\w+)*)\.\w*$/.exec(written)?.[1];
    const one = (await programs.functions(traced, targets, to)).find((each) => each.name === traced);
    if (one === undefined) return [];
    if (to === undefined) return variables(one.signature, callee !== 'RetExpr');
    return one.fields.map(({ name, type }) => ({ label: name, kind: CompletionItemKind.Field, detail: type }));
  }
  if (subscript !== undefined && (call === undefined || call.span.start < subscript.span.start)) {
    return columnsOf(analysis.valueOf(subscript.object));
  }
  if (callee === 'DataFrame') {
    const table = call!.arguments[0]?.value;
    const relation = table?.kind === 'string' ? catalog.table(table.value) : undefined;
    return items(columnMembers(relation?.columns ?? []));
  }
  return call?.function.kind === 'attribute' ? columnsOf(analysis.valueOf(call.function.object)) : [];
}

function columnsOf(value: ScriptValue | undefined): CompletionItem[] {
  if (value?.kind === 'context') return items(contextMembers);
  const frame =
    value?.kind === 'frame' || value?.kind === 'grouped' || value?.kind === 'rolling' ? value.frame : undefined;
  return items(columnMembers(frame?.columns ?? []));
}

function ownTables({ upserts }: Analysis): string[] {
  return upserts.map((each) => each.table);
}

/** The function that the probe around a place is for. */
function tracedFunction(path: readonly TreeNode[]): string | undefined {
  const probe = path.find((each): each is TreeNode & FunctionDefinition => each.kind === 'function');
  for (const decorator of probe?.decorators ?? []) {
    if (decorator.kind !== 'call' || nameOf(decorator.function) !== 'probe') continue;
    const name = decorator.arguments[0]?.value;
    if (name?.kind === 'string') return name.value;
  }
  return undefined;
}

function nameOf(callee: Expression): string | undefined {
  return callee.kind === 'name' || callee.kind === 'attribute' ? callee.name : undefined;
}

/** Names have points and slashes, which editors take for the ends of words: what is written so far is replaced whole. */
function functionItems(functions: readonly BinaryFunction[], written: string): CompletionItem[] {
  return functions.map(({ name, signature }) => ({
    label: name,
    kind: CompletionItemKind.Function,
    detail: signature,
    filterText: written === '' ? name : `${written} ${name}`,
    insertText: name,
  }));
}

/** Parameters of a Go signature, or its results: `func(a int, b string) (n int, err error)`. */
function variables(signature: string, ofArguments: boolean): CompletionItem[] {
  const lists = topLevelLists(signature);
  if (ofArguments) {
    return (lists[0] ?? []).flatMap((each) => {
      const [, name, type] = /^(\w+) (.+)$/s.exec(each) ?? [];
      return name === undefined ? [] : [{ label: name, kind: CompletionItemKind.Variable, detail: type! }];
    });
  }
  return (lists[1] ?? []).map((each, i) => {
    const [, name, type] = /^(\w+) ([^.].*)$/s.exec(each) ?? [];
    const named = name !== undefined && !['chan', 'map', 'func', 'struct', 'interface'].includes(name);
    return { label: named ? name : `$${i}`, kind: CompletionItemKind.Variable, detail: named ? type! : each };
  });
}

/** The parameters and the results, each cut at its own commas. */
function topLevelLists(signature: string): string[][] {
  const text = signature.replace(/^func\s*/, '');
  const end = closing(text, 0);
  const inner = (list: string) =>
    parts(list)
      .map((each) => each.trim())
      .filter((each) => each !== '');
  const results = text.slice(end + 1).trim();
  return [inner(text.slice(1, end)), inner(results.startsWith('(') ? results.slice(1, closing(results, 0)) : results)];
}

function closing(text: string, open: number): number {
  let depth = 0;
  for (let i = open; i < text.length; i++) {
    if ('([{'.includes(text[i]!)) depth++;
    else if (')]}'.includes(text[i]!) && --depth === 0) return i;
  }
  return text.length;
}

function parts(list: string): string[] {
  const found: string[] = [];
  let from = 0;
  let depth = 0;
  for (let i = 0; i < list.length; i++) {
    if ('([{'.includes(list[i]!)) depth++;
    else if (')]}'.includes(list[i]!)) depth--;
    else if (list[i] === ',' && depth === 0) {
      found.push(list.slice(from, i));
      from = i + 1;
    }
  }
  return [...found, list.slice(from)];
}

const kinds: Readonly<Record<Member['kind'], CompletionItemKind>> = {
  column: CompletionItemKind.Field,
  method: CompletionItemKind.Method,
  function: CompletionItemKind.Function,
  type: CompletionItemKind.Class,
  module: CompletionItemKind.Module,
  value: CompletionItemKind.Property,
};

function items(members: readonly Member[]): CompletionItem[] {
  return members.map(({ name, kind, detail, what }) => ({
    label: name,
    kind: kinds[kind],
    // Columns first, names for insiders last.
    sortText: `${kind === 'column' ? 0 : name.startsWith('_') ? 2 : 1}${name}`,
    ...(detail === '' ? {} : { detail }),
    ...(what === undefined ? {} : { documentation: what }),
  }));
}
