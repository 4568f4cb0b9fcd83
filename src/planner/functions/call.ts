import type { Span } from '#base';
import { bind, wrongKind } from '../call.ts';
import { fault } from '../fault.ts';
import { type Application, apply, constant, type Scalar, type ScalarType } from '../plan.ts';
import { bounded } from '../scalars.ts';
import type { Session } from '../session.ts';
import { type Argument, type CallSite, scalarValue, unknown, type Value } from '../value.ts';
import { metadataFunctions, ofUnknown, toldByItself } from './metadata.ts';
import { scalarFunctions } from './registry.ts';
import { formText, type Overload, type Result } from './signature.ts';

/** Calls a function of `px` on values of each row. */
export function callFunction(session: Session, name: string, site: CallSite): Value {
  const value = callScalarFunction(name, site);
  if (value.kind !== 'scalar' || value.scalar.kind !== 'apply' || !session.catalog) return value;
  return scalarValue(fromThisMachine(session, value.scalar));
}

const hostnames = new Set(['upid_to_hostname', '_exec_hostname']);

/** What the agent knows of processes and of its machine comes as the rows of a table function. */
function fromThisMachine(session: Session, call: Application): Scalar {
  const name = (text: string): Scalar => ({ ...constant('STRING', text), identifier: true });
  if (isLookedUp(call)) {
    const [key] = call.arguments;
    const text = key!.type === 'UINT128' ? apply('to_string', { type: 'STRING', semantic: 'ST_NONE' }, key!) : key!;
    const then = call.operation === 'ip_to_pod_id' ? call.arguments[1] : undefined;
    if (then) return apply('metadataAt', call, text, name(session.input('_GetMetadata')), then);
    const operation = call.type === 'STRING' ? 'metadataField' : 'metadataNumber';
    // Of a process outside any pod Pixie has a guess at the other end of its connections: there are none here.
    const asked = call.operation === '_upid_to_podname_local_addr_fallback' ? 'upid_to_pod_name' : call.operation;
    const table = name(session.input('_GetMetadata'));
    const fallback = call.type === 'STRING' ? [constant('STRING', ofUnknown(asked))] : [];
    return apply(operation, call, text, table, constant('STRING', asked), ...fallback);
  }
  // A process of this machine's agent.
  if (call.operation === 'upid' && call.arguments.length === 2) {
    const agent = apply(
      'machineNumber',
      { type: 'INT64', semantic: 'ST_NONE' },
      name(session.input('GetAgentStatus')),
      name('asid'),
    );
    return apply('upid', call, agent, ...call.arguments);
  }
  if (hostnames.has(call.operation))
    return apply('machineField', call, name(session.input('GetAgentStatus')), name('hostname'));
  if (call.operation === 'asid')
    return apply('machineNumber', call, name(session.input('GetAgentStatus')), name('asid'));
  return call;
}

/** Whether a function's result depends on what is known of processes and of Kubernetes' objects, by its first argument. */
function isLookedUp({ operation, arguments: given }: Application): boolean {
  if (!Object.hasOwn(metadataFunctions, operation) || hostnames.has(operation)) return false;
  return given.length > 0 && operation.includes('_to_') && !toldByItself.has(operation);
}

function callScalarFunction(name: string, site: CallSite): Value {
  const overloads = scalarFunctions[name]!;
  const count = site.positional.length + site.keywords.size;
  const fitting = overloads.filter(({ parameters }) => parameters.length === count);
  const candidates = fitting.length > 0 ? fitting : overloads;
  const names = candidates[0]!.parameters.map((parameter) => parameter[0]);
  const bound = bind(site, names);
  const given: Scalar[] = [];
  for (const parameter of names) {
    const argument = bound[parameter]!;
    if (argument.value.kind === 'opaque') return argument.value.poisoned ? argument.value : unknown;
    if (argument.value.kind !== 'scalar') wrongKind('Column', parameter, argument);
    else given.push(argument.value.scalar);
  }
  if (name === 'replace') requireRewrite(bound.substitution!, given[2]!);
  for (const widening of [false, true]) {
    for (const overload of candidates) {
      const fitted = fittedTo(given, overload, widening);
      if (fitted) return scalarValue(bounded(apply(name, resultOf(overload.result, fitted), ...fitted), site.span));
    }
  }
  return refuse(name, given, overloads, site.span);
}

/** The arguments as the overload wants them; when `widening`, an INT64 may stand for a FLOAT64. */
function fittedTo(given: readonly Scalar[], overload: Overload, widening: boolean): Scalar[] | undefined {
  const fitted: Scalar[] = [];
  for (const [i, [, wanted]] of overload.parameters.entries()) {
    const scalar = given[i]!;
    if (scalar.type === wanted) fitted.push(scalar);
    else if (widening && wanted === 'FLOAT64' && scalar.type === 'INT64') fitted.push(toFloat(scalar));
    else return undefined;
  }
  return fitted;
}

export function toFloat(scalar: Scalar): Scalar {
  if (scalar.kind === 'constant') return constant('FLOAT64', Number(scalar.value), scalar.semantic);
  return apply('toFloat', { type: 'FLOAT64', semantic: scalar.semantic }, scalar);
}

function resultOf(result: Result, fitted: readonly Scalar[]): ScalarType {
  if ('type' in result) return result;
  const { type, semantic, unsigned } = fitted[result.same]!;
  return { type, semantic, ...(unsigned ? { unsigned } : {}) };
}

/** RE2's substitutions know `\\0` to `\\9` and `\\\\`; the engine would leave out anything else. */
function requireRewrite({ span }: Argument, substitution: Scalar): void {
  if (substitution.kind !== 'constant' || substitution.type !== 'STRING') return;
  const [wrong] = /\\(?![0-9\\]).?/s.exec(String(substitution.value).replaceAll('\\\\', '')) ?? [];
  if (wrong === undefined) return;
  fault('pxl.value', `Rewrite schema error: '${wrong}' in the substitution`, span, [
    "groups are '\\\\1' to '\\\\9', the whole match is '\\\\0', a backslash is '\\\\\\\\'",
  ]);
}

function refuse(name: string, given: readonly Scalar[], overloads: readonly Overload[], span: Span): never {
  const types = given.map((scalar) => scalar.type).join(', ');
  const forms = overloads.map((overload) => formText(name, overload));
  return fault('pxl.type', `Could not find function 'px.${name}' with arguments [${types}]`, span, forms);
}
