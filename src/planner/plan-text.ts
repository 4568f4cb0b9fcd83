import { type Relational, type Scalar, type SortKey, sourcesOf } from './plan.ts';

const signs: Readonly<Record<string, string | undefined>> = {
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  modulo: '%',
  concat: '+',
  equal: '==',
  notEqual: '!=',
  less: '<',
  lessEqual: '<=',
  greater: '>',
  greaterEqual: '>=',
  and: 'and',
  or: 'or',
};

/** A logical plan for people: one operator a line, each indented below the one that reads it. */
export function planText(plan: Relational): string {
  return lines(plan, '').join('\n');
}

function lines(plan: Relational, indent: string): string[] {
  const line = `${indent}${operatorText(plan)}`;
  return [line, ...sourcesOf(plan).flatMap((source) => lines(source, `${indent}  `))];
}

function operatorText(plan: Relational): string {
  switch (plan.operator) {
    case 'scan': {
      const parts = [
        `${plan.empty ? 'no rows of' : 'scan'} ${plan.table} [${plan.columns.map((column) => column.name).join(', ')}]`,
      ];
      if (plan.startNs !== undefined) parts.push(`from ${plan.startNs}`);
      if (plan.endNs !== undefined) parts.push(`to ${plan.endNs}`);
      if (plan.streamed) parts.push('and as they arrive');
      if (plan.predicate) parts.push(`where ${scalarWords(plan.predicate)}`);
      return parts.join(' ');
    }
    case 'filter':
      return `filter ${scalarWords(plan.predicate)}`;
    case 'limit':
      return `${plan.others ? 'all but ' : ''}${plan.last ? 'last' : plan.others ? 'first' : 'limit'} ${plan.count}`;
    case 'project':
      return `project ${plan.outputs.map(({ column, value }) => named(column.name, value)).join(', ')}`;
    case 'sort':
      return `sort ${keyWords(plan.keys)}`;
    case 'join': {
      const on = plan.on.map(({ left, right }) => `${scalarWords(left)} == ${scalarWords(right)}`);
      const outputs = plan.outputs.map(({ column, side, from }) => `${column.name} = ${side}.${from.name}`);
      return `${plan.kind} merge on ${on.join(' and ') || 'nothing'} [${outputs.join(', ')}]`;
    }
    case 'union':
      return `append [${plan.columns.map((column) => column.name).join(', ')}]`;
    case 'window': {
      const values = plan.values.map((each) => `${each.column.name} = ${each.function}(${scalarWords(each.argument)})`);
      const parts = [`window ${values.join(', ')}`];
      if (plan.by.length > 0) parts.push(`by ${plan.by.map(scalarWords).join(', ')}`);
      if (plan.order.length > 0) parts.push(`ordered by ${keyWords(plan.order)}`);
      if (plan.preceding !== undefined) parts.push(`over ${plan.preceding + 1n} rows`);
      return parts.join(' ');
    }
    case 'aggregate': {
      const values = plan.values.map((each) => `${each.column.name} = ${each.function}(${scalarWords(each.argument)})`);
      const by = plan.by ? [`by ${plan.by.map((key) => named(key.column.name, key.value)).join(', ')}`] : [];
      return ['aggregate', values.join(', '), ...by].filter((part) => part !== '').join(' ');
    }
  }
}

function keyWords(keys: readonly SortKey[]): string {
  return keys.map(({ value, descending }) => `${scalarWords(value)}${descending ? ' descending' : ''}`).join(', ');
}

function named(name: string, value: Scalar): string {
  return value.kind === 'column' && value.name === name ? name : `${name} = ${scalarWords(value)}`;
}

function scalarWords(scalar: Scalar): string {
  if (scalar.kind === 'column') return scalar.name;
  if (scalar.kind === 'constant') return scalar.type === 'STRING' ? JSON.stringify(scalar.value) : `${scalar.value}`;
  const operands = scalar.arguments.map(scalarWords);
  const sign = signs[scalar.operation];
  if (sign) return `(${operands.join(` ${sign} `)})`;
  return scalar.operation === 'retype' ? operands.join() : `${scalar.operation}(${operands.join(', ')})`;
}
