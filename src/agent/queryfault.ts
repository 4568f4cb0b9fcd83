import type { SondeError } from '#base';
import { MachineError, UserError } from '#door';
import type { QueryFailed } from '#store';

/** The engine's kinds of errors that come from the values and patterns of a script. */
const ofTheScript = /^query failed: (?:Invalid Input|Conversion|Out of Range) Error: (.*)$/m;

/** What a failed query means for who asked: the engine's words are about SQL that nobody wrote. */
export function queryFault(error: QueryFailed): SondeError {
  if (error.message.includes('No space left on device')) {
    return new MachineError(
      "the disk with the agent's rows is full: rows can be neither kept nor read any more\n  make room, then `px agent stop`: the next px starts afresh (SONDE_DIR names another folder)",
      { cause: error },
    );
  }
  // The plan was made for the columns that a table had a moment before.
  if (/^query failed: (?:Binder|Catalog) Error: /.test(error.message)) {
    return new UserError('another script has changed or removed a table of this one while it ran: run it again');
  }
  const reason = ofTheScript.exec(error.message)?.[1];
  return reason === undefined ? error : new UserError(`the query cannot be answered: ${reason}`);
}
