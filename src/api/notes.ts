import type { Column, ColumnData, Relation, RowBatch } from '#model';
import { RowBatchBuilder } from '#model';

/** The last column of a result for clients that skip Sonde's own fields: each row's notes, empty where there is nothing to tell. */
export const notesColumn: Column = {
  name: 'notes_',
  type: 'STRING',
  semantic: 'ST_NONE',
  description: 'what is missing or cut in this row, and why: a JSON object',
};

export function withNotesRelation(relation: Relation): Relation {
  return { columns: [...relation.columns, notesColumn] };
}

/** Moves a batch's notes into a last column. A missing value without a note of its own gets the note `missing`: such a client sees a zero there. */
export function withNotesColumn(relation: Relation, batch: RowBatch): { relation: Relation; batch: RowBatch } {
  const notes = completeNotes(relation, batch);
  const builder = new RowBatchBuilder(['STRING']);
  for (let row = 0; row < batch.rows; row++) {
    builder.column(0).text(notes?.[row] ?? '');
    builder.endRow();
  }
  const column = builder.finish().columns[0] as ColumnData;
  return {
    relation: withNotesRelation(relation),
    batch: { rows: batch.rows, columns: [...batch.columns, column] },
  };
}

/** The batch's notes with one for every missing value; undefined when there is nothing to tell. */
export function completeNotes(relation: Relation, batch: RowBatch): readonly (string | null)[] | undefined {
  let notes: (string | null)[] | undefined;
  batch.columns.forEach((column, index) => {
    const { valid } = column;
    if (valid === undefined) return;
    const name = relation.columns[index]!.name;
    for (let row = 0; row < batch.rows; row++) {
      if (valid[row] !== 0) continue;
      notes ??= batch.notes ? [...batch.notes] : new Array(batch.rows).fill(null);
      notes[row] = withNote(notes[row]!, name);
    }
  });
  return notes ?? batch.notes;
}

function withNote(note: string | null, name: string): string {
  if (note === null || note === '') return JSON.stringify({ [name]: 'missing' });
  let parsed: unknown;
  try {
    parsed = JSON.parse(note);
  } catch {
    parsed = undefined;
  }
  const entries = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? parsed : { notes_: note };
  const told = Object.keys(entries).some((key) => key === name || key.startsWith(`${name}.`));
  return told ? note : JSON.stringify({ ...entries, [name]: 'missing' });
}
