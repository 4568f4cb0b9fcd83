import type { Column } from '#model';
import { frameNames } from '../frames.ts';
import { contextNames } from '../functions/metadata.ts';
import { scalarFunctions } from '../functions/registry.ts';
import { formText } from '../functions/signature.ts';
import { typeOf } from '../plan.ts';
import { pxNames } from '../px-module.ts';
import { pxtraceNames } from '../pxtrace-module.ts';
import type { Session } from '../session.ts';
import { kindName, type Value } from '../value.ts';
import { manualOf } from './signatures.ts';

/** Something that can stand behind a point, in brackets or alone. */
export interface Member {
  readonly name: string;
  readonly kind: 'column' | 'method' | 'function' | 'type' | 'module' | 'value';
  /** Its type, or the form of its call. */
  readonly detail: string;
  readonly what?: string;
}

type Typed = Pick<Column, 'type' | 'semantic' | 'unsigned'>;

export function typeText({ type, semantic, unsigned }: Typed): string {
  const unit = semantic === 'ST_NONE' ? '' : ` ${semantic}`;
  return `${unsigned ? 'unsigned ' : ''}${type}${unit}`;
}

/** What may stand behind `value.`. */
export function membersOf(session: Session, value: Value): Member[] {
  switch (value.kind) {
    case 'module':
      if (value.name === 'px') return pxNames(session).map(functionMember('px'));
      if (value.name === 'pxtrace') return pxtraceNames().map(functionMember('pxtrace'));
      return value.names?.().map(functionMember(value.name)) ?? [];
    case 'frame':
      return [...columnMembers(value.frame.columns), ...frameNames.map(methodMember)];
    case 'grouped':
      return [methodMember('agg')];
    case 'rolling':
      return ['groupby', 'agg'].map(methodMember);
    case 'dict':
      return ['keys', 'values', 'items', 'get'].map((name) => ({ name, kind: 'method', detail: '' }));
    default:
      return [];
  }
}

export function columnMembers(columns: readonly Column[]): Member[] {
  return columns.map((column) => ({
    name: column.name,
    kind: 'column',
    detail: typeText(column),
    ...(column.description ? { what: column.description } : {}),
  }));
}

export const contextMembers: readonly Member[] = contextNames.map((name) => ({
  name,
  kind: 'value',
  detail: 'of the row’s process',
}));

const methodMember = (name: string): Member => {
  const manual = manualOf(`df.${name}`);
  return {
    name,
    kind: name === 'ctx' ? 'value' : 'method',
    detail: manual?.form ?? '',
    ...(manual && { what: manual.what }),
  };
};

const functionMember =
  (module: string) =>
  (name: string): Member => {
    const manual = manualOf(`${module}.${name}`);
    const forms = module === 'px' && Object.hasOwn(scalarFunctions, name) ? scalarFunctions[name]! : [];
    const detail = manual?.form ?? forms.map((form) => formText(name, form)).join('\n');
    const kind = module === 'px' && /^[A-Z]/.test(name) && detail === '' ? 'type' : 'function';
    return { name, kind, detail, ...(manual && { what: manual.what }) };
  };

/** A value in a few lines, for whoever points at it. */
export function describe(value: Value): string | undefined {
  switch (value.kind) {
    case 'scalar': {
      const { scalar } = value;
      if (scalar.kind !== 'constant') return typeText(typeOf(scalar));
      const shown = scalar.type === 'STRING' ? JSON.stringify(scalar.value) : String(scalar.value);
      return `${typeText(typeOf(scalar))} = ${shown}`;
    }
    case 'frame':
      return ['DataFrame', ...value.frame.columns.map((column) => `  ${column.name}: ${typeText(column)}`)].join('\n');
    case 'grouped':
      return `GroupBy ${value.by.map((column) => column.name).join(', ')}`;
    case 'function': {
      const { name, parameters, docstring } = value.definition;
      const form = `def ${name}(${parameters.map((parameter) => parameter.name).join(', ')})`;
      return docstring === undefined ? form : `${form}\n${docstring.trim()}`;
    }
    case 'probe':
      return `probe of ${value.target}`;
    case 'aggregate':
      return manualOf(`px.${value.name}`)?.what ?? `aggregate px.${value.name}`;
    case 'type':
      return `${value.name}: ${value.type}`;
    case 'module':
      return `module ${value.name}`;
    case 'list':
    case 'tuple':
      return `${kindName(value)} of ${value.items.length}`;
    case 'opaque':
      return undefined;
    default:
      return kindName(value);
  }
}
