import type { ColumnType } from '#model';
import { aggregates, aggregateType } from './aggregates/all.ts';
import { aggregateNames } from './aggregates/names.ts';
import { scalarFunctions } from './functions/registry.ts';
import { constant } from './plan.ts';
import { tableFunctionRelations } from './table-functions.ts';
import type { Catalog } from './types.ts';

const samples: Readonly<Record<ColumnType, string | bigint | number | boolean>> = {
  BOOLEAN: true,
  INT64: 1n,
  UINT128: 1n,
  FLOAT64: 1,
  STRING: '',
  TIME64NS: 1n,
};
const columnTypes = Object.keys(samples) as ColumnType[];

/** The table functions whose rows follow from the language and the tables that there are: the same wherever they are made. */
export const catalogFunctions: Readonly<Record<string, (catalog: Catalog) => readonly (readonly string[])[]>> = {
  GetUDFList: functionList,
  GetUDAList: aggregateList,
  GetUDTFList: tableFunctionList,
  GetTables: (catalog) => catalog.tables().map((table) => [table, '']),
  GetSchemas: (catalog) =>
    catalog.tables().flatMap((table) =>
      (catalog.table(table)?.columns ?? []).map(({ name, type, unsigned, description }) => {
        return [table, name, unsigned ? 'UINT64' : type, 'GENERAL', description ?? ''];
      }),
    ),
};

/** The rows of px.GetUDFList(): every form of every function over rows. */
function functionList(): (readonly string[])[] {
  return Object.entries(scalarFunctions).flatMap(([name, overloads]) =>
    overloads.map(({ parameters, result }) => {
      const type = 'type' in result ? result.type : parameters[result.same]![1];
      return [name, type, JSON.stringify(parameters.map((parameter) => parameter[1]))];
    }),
  );
}

/** The rows of px.GetUDAList(). */
function aggregateList(): (readonly string[])[] {
  return aggregateNames.flatMap((name) => {
    const { inputs } = aggregates[name];
    if (inputs) return [[name, 'STRING', JSON.stringify(inputs)]];
    return columnTypes.flatMap((type) => {
      const result = aggregateType(name, constant(type, samples[type]));
      return result ? [[name, result.type, JSON.stringify([type])]] : [];
    });
  });
}

/** The rows of px.GetUDTFList(). */
function tableFunctionList(): (readonly string[])[] {
  const forScripts = Object.entries(tableFunctionRelations).filter(([name]) => !name.startsWith('_'));
  return forScripts.map(([name, { columns }]) => {
    const relation = columns.map((column) => ({ name: column.name, type: column.type }));
    return [name, 'agent', '[]', JSON.stringify(relation)];
  });
}
