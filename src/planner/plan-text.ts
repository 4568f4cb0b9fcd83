import type { Operation, Relational, Scalar } from './plan.ts';

const signs: Partial<Record<Operation, string>> = {
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
  return plan.operator === 'scan' ? [line] : [line, ...lines(plan.source, `${indent}  `)];
}

function operatorText(plan: Relational): string {
  switch (plan.operator) {
    case 'scan': {
      const parts = [`scan ${plan.table} [${plan.columns.map((column) => column.name).join(', ')}]`];
      if (plan.startNs !== undefined) parts.push(`from ${plan.startNs}`);
      if (plan.endNs !== undefined) parts.push(`to ${plan.endNs}`);
      if (plan.predicate) parts.push(`where ${scalarWords(plan.predicate)}`);
      return parts.join(' ');
    }
    case 'filter':
      return `filter ${scalarWords(plan.predicate)}`;
    case 'limit':
      return `limit ${plan.count}`;
    case 'project':
      return `project ${plan.outputs.map(({ column, value }) => named(column.name, value)).join(', ')}`;
    case 'aggregate': {
      const values = plan.values.map((each) => `${each.column.name} = ${each.function}(${scalarWords(each.argument)})`);
      const by = plan.by ? [`by ${plan.by.map((key) => named(key.column.name, key.value)).join(', ')}`] : [];
      return ['aggregate', values.join(', '), ...by].filter((part) => part !== '').join(' ');
    }
  }
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
