import { SondeError } from '#base';
import type { Column, ColumnType, Relation, SemanticType } from '#model';
import { DataType, type Relation as WireRelation, SemanticType as WireSemantic } from './generated/vizierapi.ts';

/**
 * Who reads an answer. `pixie`: any client of `px.api.vizierpb`; it gets only what that API knows: unsigned columns as decimal
 * STRING, missing values as zero or empty text. `sonde`: a client that understands the fields numbered 1000 and up.
 */
export type Audience = 'pixie' | 'sonde';

/** A message of the API that says something impossible: the other side is not a server or client of this API. */
export class BadMessage extends SondeError {
  readonly code = 'api.bad-message';
}

const typeNames: readonly (ColumnType | undefined)[] = [
  undefined,
  'BOOLEAN',
  'INT64',
  'UINT128',
  'FLOAT64',
  'STRING',
  'TIME64NS',
];

/** The semantic types that the model knows; any other is shown as ST_NONE. */
const semantics: Readonly<Record<SemanticType, WireSemantic>> = {
  ST_NONE: WireSemantic.ST_NONE,
  ST_UPID: WireSemantic.ST_UPID,
  ST_DURATION_NS: WireSemantic.ST_DURATION_NS,
  ST_BYTES: WireSemantic.ST_BYTES,
  ST_PERCENT: WireSemantic.ST_PERCENT,
  ST_QUANTILES: WireSemantic.ST_QUANTILES,
  ST_DURATION_NS_QUANTILES: WireSemantic.ST_DURATION_NS_QUANTILES,
  ST_SERVICE_NAME: WireSemantic.ST_SERVICE_NAME,
  ST_POD_NAME: WireSemantic.ST_POD_NAME,
  ST_CONTAINER_NAME: WireSemantic.ST_CONTAINER_NAME,
  ST_NAMESPACE_NAME: WireSemantic.ST_NAMESPACE_NAME,
  ST_NODE_NAME: WireSemantic.ST_NODE_NAME,
  ST_SCRIPT_REFERENCE: WireSemantic.ST_SCRIPT_REFERENCE,
};
const semanticNames = new Map(Object.entries(semantics).map(([name, value]) => [value, name as SemanticType]));

/** The type that a column has on the wire: its own, but STRING for an unsigned one to a client that does not know them. */
export function wireType(column: Column, audience: Audience): ColumnType {
  return column.unsigned && audience === 'pixie' ? 'STRING' : column.type;
}

export function encodeRelation(relation: Relation, audience: Audience): WireRelation {
  return {
    columns: relation.columns.map((column) => ({
      columnName: column.name,
      columnType: DataType[wireType(column, audience)],
      columnDesc: column.description ?? '',
      columnSemanticType: semantics[column.semantic],
      sondeUnsigned: audience === 'sonde' && column.unsigned === true,
    })),
  };
}

/** @throws BadMessage for a column without a known type. */
export function decodeRelation(relation: WireRelation): Relation {
  return {
    columns: relation.columns.map((column): Column => {
      const type = typeNames[column.columnType];
      if (type === undefined)
        throw new BadMessage(`column ${column.columnName} has the unknown type ${column.columnType}`);
      return {
        name: column.columnName,
        type,
        semantic: semanticNames.get(column.columnSemanticType) ?? 'ST_NONE',
        ...(column.sondeUnsigned ? { unsigned: true as const } : {}),
        ...(column.columnDesc === '' ? {} : { description: column.columnDesc }),
      };
    }),
  };
}
