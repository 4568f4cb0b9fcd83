import type { Diagnostic, Span } from '#base';
import type { Call, Expression, FunctionDefinition, Name, Script, Slice, Statement, Target } from '#pxl';
import { converted, dictMember, pythonBuiltin, stringMember, stringMemberNames } from './builtins.ts';
import { bind, intArgument } from './call.ts';
import { chosen, isOfRows, isTrue, itemsOf, partsOf, takenApart } from './control.ts';
import { columnHints } from './elsewhere.ts';
import { Fault, fault } from './fault.ts';
import { formatted } from './format.ts';
import { assign, frameMember, groupedMember, requireMethod, rollingMember } from './frames.ts';
import { Modules } from './imports.ts';
import { membership } from './membership.ts';
import { builtinType, lambdaDefinition, nameOf, unknownName } from './names.ts';
import { constant, type Scalar } from './plan.ts';
import { cast } from './px-module.ts';
import { binary, comparison, inRange, logical, unary } from './scalars.ts';
import type { Session } from './session.ts';
import { cut, subscript } from './subscripts.ts';
import {
  type Argument,
  type CallSite,
  constantOf,
  type DictEntry,
  type FunctionValue,
  kindName,
  none,
  poison,
  Scope,
  scalarValue,
  unknown,
  type Value,
} from './value.ts';

/** A script may take this many steps: PxL has no loops, but functions that call functions can stand for one. */
const mostSteps = 200_000;
/** Expressions and calls inside each other, so that the stack is never exhausted. */
const mostDepth = 600;

/** Why the statements of a block were left: a returned value, a jump of the loop; undefined at their end. */
type Left = Value | 'break' | 'continue' | undefined;

/** Walks a script's tree and does what it says, on constants, plans and captures instead of rows. */
export class Evaluator {
  readonly session: Session;
  readonly diagnostics: Diagnostic[] = [];
  readonly globals = new Scope();
  readonly #modules: Modules;
  /** Told of each function of the script that is called. */
  calling: (definition: FunctionDefinition) => void = () => {};
  #steps = 0;
  #depth = 0;

  constructor(session: Session) {
    this.session = session;
    this.#modules = new Modules(session, (body, scope) => this.#block(body, scope));
  }

  /** Evaluates all top-level statements; one that fails is recorded and what it would have named stays silent afterwards. */
  run(tree: Script): void {
    if (tree.docstring !== undefined)
      this.globals.names.set('__doc__', scalarValue(constant('STRING', tree.docstring)));
    for (const statement of tree.body) {
      this.guarded(
        () => this.#statement(statement, this.globals),
        () => this.#poison(statement),
      );
    }
  }

  /** Runs one step of the whole; a fault becomes a diagnostic. */
  guarded(step: () => void, failed: () => void = () => {}): void {
    try {
      step();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown.diagnostic) this.diagnostics.push(thrown.diagnostic);
      this.#depth = 0;
      failed();
    }
  }

  callFunction(callee: FunctionValue, site: CallSite): Value {
    const { definition } = callee;
    this.calling(definition);
    const signature = definition.parameters.map((each) =>
      callee.defaults.has(each.name) ? `${each.name}?` : each.name,
    );
    const bound = bind(site, signature);
    const scope = new Scope(callee.scope);
    for (const { name } of definition.parameters)
      scope.names.set(name, (bound[name] ?? callee.defaults.get(name)!).value);
    return this.#deeper(site.span, () => {
      const returned = this.#block(definition.body, scope);
      return returned === undefined || typeof returned === 'string' ? none : returned;
    });
  }

  #poison(statement: Statement): void {
    const names = this.globals.names;
    if (statement.kind === 'if' || statement.kind === 'for') {
      for (const each of statement.body) this.#poison(each);
      if (statement.kind === 'if') for (const each of statement.otherwise) this.#poison(each);
      else for (const target of statement.targets) names.set(target.name, poison);
    }
    if (statement.kind === 'function') names.set(statement.name, poison);
    else if (statement.kind === 'import') {
      for (const each of statement.modules) names.set(each.alias ?? each.name.split('.')[0]!, poison);
    } else if (statement.kind === 'from')
      for (const each of statement.names) names.set(each.alias ?? each.name, poison);
    else if (statement.kind === 'assignment') this.#poisonTarget(statement.target);
    else if (statement.kind === 'unpacking')
      for (const target of statement.targets.flatMap((each) => each.names)) this.#poisonTarget(target);
  }

  #poisonTarget(target: Target): void {
    if (target.kind === 'name') this.globals.names.set(target.name, poison);
    else if (target.object.kind === 'name') this.globals.names.set(target.object.name, poison);
  }

  #statement(statement: Statement, scope: Scope): Left {
    this.#step(statement.span);
    switch (statement.kind) {
      case 'import':
        for (const { name, alias, span } of statement.modules)
          scope.names.set(alias ?? name, this.#modules.named(name, span));
        return undefined;
      case 'from': {
        const module = this.#modules.named(statement.module, statement.moduleSpan);
        for (const { name, alias, span } of statement.names) {
          if (module.kind === 'module') scope.names.set(alias ?? name, module.member(name, span));
        }
        return undefined;
      }
      case 'expression':
        this.#evaluate(statement.value, scope);
        return undefined;
      case 'assignment':
        this.#assign(statement.target, this.#argument(statement.value, scope), scope);
        return undefined;
      case 'unpacking': {
        const value = this.#argument(statement.value, scope);
        for (const { names, whole } of statement.targets) {
          const parts = whole ? [value.value] : partsOf(value, names.length);
          for (const [i, target] of names.entries())
            this.#assign(target, { value: parts[i]!, span: value.span }, scope);
        }
        return undefined;
      }
      case 'function':
        scope.names.set(statement.name, this.#definition(statement, scope));
        return undefined;
      case 'return':
        return statement.value ? this.#evaluate(statement.value, scope) : none;
      case 'if': {
        const taken = isTrue(this.#argument(statement.test, scope)) ? statement.body : statement.otherwise;
        return this.#block(taken, scope);
      }
      case 'for': {
        for (const item of itemsOf(this.#argument(statement.iterable, scope))) {
          this.#name(statement.targets, item, scope);
          const left = this.#block(statement.body, scope);
          if (left === 'break') break;
          if (left !== undefined && left !== 'continue') return left;
        }
        return undefined;
      }
      case 'pass':
        return undefined;
      case 'break':
      case 'continue':
        return statement.kind;
      case 'invalid':
        throw new Fault();
    }
  }

  #block(statements: readonly Statement[], scope: Scope): Left {
    for (const statement of statements) {
      const left = this.#statement(statement, scope);
      if (left !== undefined) return left;
    }
    return undefined;
  }

  /** Gives an item to one name, or its parts to several. */
  #name(targets: readonly Name[], item: Argument, scope: Scope): void {
    const values = takenApart(item, targets.length);
    for (const [i, target] of targets.entries()) scope.names.set(target.name, values[i]!);
  }

  #assign(target: Target, value: Argument, scope: Scope): void {
    if (target.kind === 'name') {
      this.session.observe?.(target, value.value);
      scope.names.set(target.name, value.value);
      return;
    }
    const object = this.#evaluate(target.object, scope);
    if (object.kind === 'opaque') return;
    if (object.kind === 'module' && target.kind === 'attribute' && target.object.kind === 'name') {
      // `px.Pod = str`: this script's `px` has another member of that name from here on.
      const { member } = object;
      const { name: changed } = target;
      const changing = {
        ...object,
        member: (each: string, at: Span) => (each === changed ? value.value : member(each, at)),
      };
      scope.names.set(target.object.name, changing);
      return;
    }
    if (object.kind !== 'frame') {
      fault('pxl.type', `cannot assign to a part of '${kindName(object)}'`, target.span);
    }
    if (target.object.kind !== 'name') {
      fault('pxl.type', 'only a column of a DataFrame that has a name can be assigned', target.span, [
        'df = …; df.column = …',
      ]);
    }
    const { session } = this;
    const frameName = target.object.name;
    let name: string;
    let span: Span;
    if (target.kind === 'attribute') ({ name, nameSpan: span } = target);
    else {
      const index = this.#argument(target.index, scope);
      const found = constantOf(index.value);
      if (found?.type !== 'STRING') {
        fault('pxl.type', `a column is assigned by its name, got '${kindName(index.value)}'`, index.span);
      }
      name = found.value as string;
      span = index.span;
    }
    scope.names.set(frameName, { kind: 'frame', frame: assign(session, object.frame, name, span, value) });
  }

  #definition(node: FunctionDefinition, scope: Scope): Value {
    const defaults = new Map<string, Argument>();
    const annotations = new Map<string, Value>();
    for (const parameter of node.parameters) {
      if (parameter.default) defaults.set(parameter.name, this.#argument(parameter.default, scope));
      if (!parameter.annotation) continue;
      const annotation = this.#evaluate(parameter.annotation, scope);
      if (annotation.kind === 'builtin' && annotation.name === 'DataFrame') continue;
      if (annotation.kind !== 'type' && annotation.kind !== 'opaque') {
        fault('pxl.type', `the annotation of '${parameter.name}' is not a type`, parameter.annotation.span, [
          'str, int, float, bool, list, px.Time, px.Pod, …',
        ]);
      }
      annotations.set(parameter.name, annotation);
    }
    const value: FunctionValue = { kind: 'function', definition: node, scope, defaults, annotations };
    const [decorator, second] = node.decorators;
    if (second) fault('pxl.unsupported', 'a second decorator is not supported', second.span);
    if (!decorator) return value;
    const callee = this.#evaluate(decorator, scope);
    const argument = { value, span: node.nameSpan };
    return this.#call(callee, decorator.span, {
      name: 'decorator',
      span: decorator.span,
      positional: [argument],
      keywords: new Map(),
    });
  }

  #argument(node: Expression, scope: Scope): Argument {
    return { value: this.#evaluate(node, scope), span: node.span };
  }

  #evaluate(node: Expression, scope: Scope): Value {
    this.#step(node.span);
    const value = this.#deeper(node.span, () => this.#expression(node, scope));
    this.session.observe?.(node, value);
    return value;
  }

  #expression(node: Expression, scope: Scope): Value {
    switch (node.kind) {
      case 'name':
        return (
          scope.find(node.name) ??
          builtinType(node.name) ??
          pythonBuiltin(node.name) ??
          unknownName(node.name, node.span, scope)
        );
      case 'int':
        return scalarValue(constant('INT64', inRange(node.value, node.span)), node.span);
      case 'float':
        return scalarValue(constant('FLOAT64', node.value), node.span);
      case 'string':
        return scalarValue(constant('STRING', node.value), node.span);
      case 'constant':
        return node.value === null ? none : scalarValue(constant('BOOLEAN', node.value), node.span);
      case 'list':
      case 'tuple':
        return { kind: node.kind, items: node.items.map((item) => this.#argument(item, scope)) };
      case 'dict': {
        const entries: DictEntry[] = node.entries.map(({ key, value }) => ({
          key: this.#argument(key, scope),
          item: this.#argument(value, scope),
        }));
        return { kind: 'dict', entries };
      }
      case 'attribute':
        return this.#attribute(this.#evaluate(node.object, scope), node.name, node.nameSpan);
      case 'call':
        return this.#callNode(node, scope);
      case 'subscript':
        if (node.index.kind === 'slice') return this.#slice(this.#argument(node.object, scope), node.index, scope);
        return subscript(
          this.session,
          this.#evaluate(node.object, scope),
          this.#argument(node.index, scope),
          node.span,
        );
      case 'unary': {
        const { operator, span } = node;
        return this.#scalars([this.#argument(node.operand, scope)], operator, ([operand]) =>
          unary(operator, operand!, span),
        );
      }
      case 'binary':
      case 'comparison':
      case 'logical': {
        const operands = [this.#argument(node.left, scope), this.#argument(node.right, scope)] as const;
        const lists = operands.map(({ value }) =>
          value.kind === 'list' || value.kind === 'tuple' ? value : undefined,
        );
        if (node.kind === 'binary' && node.operator === '+' && lists[0] && lists[1]) {
          return { kind: lists[0].kind, items: [...lists[0].items, ...lists[1].items] };
        }
        return this.#scalars(operands, node.operator, ([left, right]) => {
          if (node.kind === 'binary') return binary(node.operator, left!, right!, node.operatorSpan);
          if (node.kind === 'comparison') return comparison(node.operator, left!, right!, node.operatorSpan);
          return logical(node.operator, left!, right!, node.operatorSpan);
        });
      }
      case 'membership':
        return membership(node, this.#argument(node.left, scope), this.#argument(node.right, scope));
      case 'conditional': {
        const test = this.#argument(node.test, scope);
        if (!isOfRows(test.value)) return this.#evaluate(isTrue(test) ? node.yes : node.no, scope);
        return chosen(this.session, test, this.#argument(node.yes, scope), this.#argument(node.no, scope), node.span);
      }
      case 'comprehension': {
        const inner = new Scope(scope);
        const entries: DictEntry[] = [];
        const items: Argument[] = [];
        for (const item of itemsOf(this.#argument(node.iterable, scope))) {
          this.#name(node.targets, item, inner);
          if (!node.conditions.every((each) => isTrue(this.#argument(each, inner)))) continue;
          const key = node.key && this.#argument(node.key, inner);
          const made = this.#argument(node.item, inner);
          if (key) entries.push({ key, item: made });
          else items.push(made);
        }
        return node.key ? { kind: 'dict', entries } : { kind: 'list', items };
      }
      case 'format':
        return formatted(
          node.parts.map((part) => {
            if (typeof part === 'string') return part;
            return { argument: this.#argument(part.value, scope), format: part.format };
          }),
        );
      case 'lambda':
        return this.#definition(lambdaDefinition(node), scope);
      case 'slice':
        return fault('pxl.type', 'a slice stands only in brackets', node.span);
      case 'unsupported':
        throw new Fault();
    }
  }

  #scalars(operands: readonly Argument[], operator: string, combine: (scalars: readonly Scalar[]) => Scalar): Value {
    const scalars: Scalar[] = [];
    for (const { value, span } of operands) {
      if (value.kind === 'opaque') return value.poisoned ? value : unknown;
      if (value.kind !== 'scalar') {
        const missing = value.kind === 'none' && (operator === '==' || operator === '!=');
        const hints = missing ? [`write ${operator === '==' ? '' : 'not '}px.is_missing(…)`] : [];
        return fault('pxl.type', `\`${operator}\` cannot be used with '${kindName(value)}'`, span, hints);
      }
      scalars.push(value.scalar);
    }
    return scalarValue(combine(scalars));
  }

  #attribute(object: Value, name: string, span: Span, called = false): Value {
    switch (object.kind) {
      case 'opaque':
        return object;
      case 'module':
        return object.member(name, span);
      case 'frame':
        if (called) requireMethod(object.frame, name, span);
        return frameMember(this.session, object.frame, name, span, called);
      case 'grouped':
        return groupedMember(this.session, object.frame, object.by, name, span);
      case 'dict': {
        const member = dictMember(object, name);
        return (
          member ??
          fault('pxl.attribute', `'Dict' object has no attribute '${name}'`, span, ['it has: keys, values, items, get'])
        );
      }
      case 'scalar': {
        const member = stringMember(object, name);
        if (member) return member;
        const what = kindName(object);
        const hints = what === 'String' ? [`it has: ${stringMemberNames.join(', ')}`] : columnHints(name);
        return fault('pxl.attribute', `'${what}' object has no attribute '${name}'`, span, hints);
      }
      case 'rolling':
        return rollingMember(this.session, object.frame, object.column, name, span);
      case 'context':
        return fault('pxl.attribute', `'Metadata' object has no attribute '${name}'`, span, [
          `write df.ctx['${name}']`,
        ]);
      default:
        return fault('pxl.attribute', `'${kindName(object)}' object has no attribute '${name}'`, span);
    }
  }

  #slice(object: Argument, node: Slice, scope: Scope): Value {
    const bound = (part: Expression | undefined, name: string) =>
      part && intArgument(this.#argument(part, scope), name);
    const bounds = {
      start: bound(node.start, 'start'),
      stop: bound(node.stop, 'stop'),
      step: bound(node.step, 'step') ?? 1n,
    };
    return cut(this.session, object, bounds, node.span);
  }

  #callNode(node: Call, scope: Scope): Value {
    const callee =
      node.function.kind === 'attribute'
        ? this.#attribute(this.#evaluate(node.function.object, scope), node.function.name, node.function.nameSpan, true)
        : this.#evaluate(node.function, scope);
    const positional: Argument[] = [];
    const keywords = new Map<string, Argument>();
    for (const { name, value } of node.arguments) {
      const argument = this.#argument(value, scope);
      if (name === undefined) positional.push(argument);
      else keywords.set(name, argument);
    }
    return this.#call(callee, node.function.span, {
      name: nameOf(node.function),
      span: node.span,
      positional,
      keywords,
    });
  }

  #call(callee: Value, calleeSpan: Span, site: CallSite): Value {
    switch (callee.kind) {
      case 'opaque':
        return callee;
      case 'builtin':
        return callee.call(site.name === 'decorator' ? site : { ...site, name: callee.name });
      case 'function':
        return this.callFunction(callee, { ...site, name: callee.definition.name });
      case 'type':
        return converted(callee.name, site) ?? cast(callee, { ...site, name: callee.name });
      case 'aggregate':
        return fault('pxl.type', `px.${callee.name} is an aggregate and is not called`, calleeSpan, [
          `df.agg(out=('column', px.${callee.name}))`,
        ]);
      case 'probe':
        return fault('pxl.type', 'a probe function is not called: give it to UpsertTracepoint', calleeSpan);
      default:
        return fault('pxl.type', `'${kindName(callee)}' object is not callable`, calleeSpan);
    }
  }

  #step(span: Span): void {
    this.#steps++;
    if (this.#steps > mostSteps) fault('pxl.limit', `the script takes more than ${mostSteps} steps`, span);
  }

  #deeper<T>(span: Span, evaluate: () => T): T {
    if (this.#depth >= mostDepth) fault('pxl.limit', 'calls or expressions are nested too deeply here', span);
    this.#depth++;
    try {
      return evaluate();
    } finally {
      this.#depth--;
    }
  }
}
