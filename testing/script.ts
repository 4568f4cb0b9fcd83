import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface ProbeScript {
  readonly upid: string;
  /** Of the tracepoint; of the table too, unless that is given. */
  readonly name: string;
  readonly table?: string;
  readonly function: string;
  /** Keywords of the probe, as in a script: `sample=10, per='n'`. */
  readonly calls?: string;
  /** Column → what stands behind `pxtrace.`, such as `ArgExpr('n')`. */
  readonly columns: Readonly<Record<string, string>>;
  /** Default `5m`. */
  readonly ttl?: string;
  /** For more calls than the budget lets through. */
  readonly noBudget?: true;
}

/** Text of a script with one probe that shows its table. */
export function probeScript({
  upid,
  name,
  table = name,
  function: fn,
  calls,
  columns,
  ttl = '5m',
  noBudget,
}: ProbeScript): string {
  const list = Object.entries(columns).map(([column, value]) => `        '${column}': pxtrace.${value},`);
  return [
    'import pxtrace',
    'import px',
    '',
    `@pxtrace.probe('${fn}'${calls === undefined ? '' : `, ${calls}`})`,
    'def probe():',
    '    return [{',
    ...list,
    '    }]',
    '',
    `pxtrace.UpsertTracepoint('${name}', '${table}', probe, px.uint128('${upid}'), '${ttl}'${noBudget === true ? ', no_budget=True' : ''})`,
    `px.display(px.DataFrame(table='${table}'))`,
    '',
  ].join('\n');
}

/** Writes the script into a folder; gives its path. */
export function writeProbeScript(folder: string, script: ProbeScript): string {
  const file = join(folder, `${script.name}.pxl`);
  writeFileSync(file, probeScript(script));
  return file;
}
