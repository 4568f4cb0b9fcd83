import type { RowBatch } from '#model';
import type { EngineThread } from './connection.ts';
import { QueryAborted } from './errors.ts';
import type { Request } from './messages.ts';

type QueryRequest = Omit<Request & { op: 'query' }, 'id'>;

/** Runs a query and hands on its batches as they come; the engine is never more than two ahead. Leaving the loop ends the query. */
export async function* streamQuery(
  thread: EngineThread,
  request: QueryRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<RowBatch, void, undefined> {
  if (signal?.aborted) throw new QueryAborted(signal.reason);
  const arrived: RowBatch[] = [];
  let ended = false;
  let failure: Error | undefined;
  let wake: () => void = () => {};
  const changed = () => wake();
  const id = thread.start(request, {
    rows: (batch) => {
      arrived.push(batch);
      changed();
    },
    done: () => {
      ended = true;
      changed();
    },
    failed: (error) => {
      ended = true;
      failure = error;
      changed();
    },
  });
  const aborted = () => {
    if (!ended) thread.tell('cancel', id);
    changed();
  };
  signal?.addEventListener('abort', aborted, { once: true });
  try {
    for (;;) {
      if (signal?.aborted) throw new QueryAborted(signal.reason);
      const batch = arrived.shift();
      if (batch !== undefined) {
        if (!ended) thread.tell('more', id);
        yield batch;
      } else if (failure !== undefined) throw failure;
      else if (ended) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    signal?.removeEventListener('abort', aborted);
    if (!ended) thread.tell('cancel', id);
  }
}
