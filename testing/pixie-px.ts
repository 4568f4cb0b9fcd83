import { setTimeout as sleep } from 'node:timers/promises';
import { vizier } from '#api';
import { responses, type WireAnswer } from './pixie-wire.ts';

export interface PixiePxRun {
  /** The lines of its two spinners, `Preparing schema` first. */
  readonly lines: readonly string[];
  readonly code: number;
  readonly error: string;
  /** Of the answer that it printed. */
  readonly rows: number;
  readonly answers: readonly WireAnswer[];
}

/** It asks so often more after a first answer that is not ready. */
const retries = 5;

/**
 * What Pixie's px (version of April 2026) does with the answers to one script with a mutation, as recorded from runs of it. `pauseMs` stands for its five seconds
 * between two questions. @throws where it would panic, or take the connection for broken
 */
export async function pixiePx(ask: () => Promise<WireAnswer>, pauseMs: number): Promise<PixiePxRun> {
  const answers: WireAnswer[] = [];
  const next = async () => {
    const answer = await ask();
    answers.push(answer);
    if (answer.status === 14) throw new Error('px takes UNAVAILABLE for a broken connection');
    return { answer, all: responses(answer) };
  };
  const end = (code: number, error: string, lines: string[] = [], rows = 0) => ({ code, error, lines, rows, answers });

  let { answer, all } = await next();
  const fault = all.find(({ status }) => status?.code)?.status;
  if (fault) return end(1, faultText(fault));
  const first = infoOf(all);
  if (answer.status === 0) return end(0, '', [], rowsOf(all));
  if (first && !first.status) throw new Error('px panics: mutation_info without status');
  if (first?.status?.code !== 14) return end(1, `Failed to execute script: ${answer.details}`);

  const names = first.states.map(({ name }) => name);
  const deployed = names.map(() => false);
  const lines = (schema: string) => [
    ` ${schema}    Preparing schema`,
    ...names.map((name, i) =>
      deployed[i] ? ` ✔    Deploying ${name}` : ` ✕    Deploying ${name} ERR: Could not deploy tracepoint`,
    ),
  ];
  for (let retry = 0; retry < retries; retry++) {
    ({ answer, all } = await next());
    const info = infoOf(all);
    if (info && info.states.length > names.length) throw new Error('px panics: more states than in the first answer');
    const code = info?.status?.code ?? 0;
    if (code !== 0 && code !== 14) return end(1, info!.status!.message, lines('✕'));
    if (answer.status === 0) return end(deployed.every(Boolean) ? 0 : 1, '', lines('✔'), rowsOf(all));
    info?.states.forEach(({ state }, i) => {
      deployed[i] ||= state === vizier.LifeCycleState.RUNNING_STATE;
    });
    await sleep(pauseMs);
  }
  return end(1, 'Could not prepare schema', lines('✕'));
}

function infoOf(all: readonly vizier.ExecuteScriptResponse[]): vizier.MutationInfo | undefined {
  return all.findLast(({ mutationInfo }) => mutationInfo)?.mutationInfo;
}

function faultText({ message, errorDetails }: vizier.Status): string {
  if (errorDetails.length === 0) return `Script execution error: ${message}`;
  const places = errorDetails.map(
    ({ error }) => error && `L${error.value.line} : C${error.value.column}  ${error.value.message}\n`,
  );
  return `Script compilation failed: ${places.join(', ')}`;
}

function rowsOf(all: readonly vizier.ExecuteScriptResponse[]): number {
  return all.reduce(
    (sum, { result }) => sum + Number(result?.$case === 'data' ? (result.value.batch?.numRows ?? 0n) : 0n),
    0,
  );
}
