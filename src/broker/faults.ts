import type { vizier } from '#api';
import { statusOf as answerOf, UserError } from '#door';

/** The script or what it asks for is wrong. */
export class ScriptFault extends UserError {}

/** A failure as Sonde's own px reads it. */
export function statusOf(error: unknown): vizier.Status {
  return answerOf(error, 'sonde');
}
