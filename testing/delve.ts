import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { SondeError } from '#base';
import { fixtureCache } from './go-fixtures.ts';
import { goCommand, goEnvironment } from './go-toolchain.ts';
import { startProcess } from './process.ts';

/** The debugger of Go that values are held against. */
const version = 'v1.27.2';

/** What Delve's API says of a variable (service/api/types.go): as far as is used here. */
export interface DelveVariable {
  readonly name: string;
  readonly type: string;
  /** `reflect.Kind`. */
  readonly kind: number;
  readonly value: string;
  readonly len: number;
  readonly children: readonly DelveVariable[];
  /** Why it could not be read; else empty. */
  readonly unreadable: string;
}

/** Delve was asked for something and said no. */
export class DelveError extends SondeError {
  readonly code = 'testing.delve';
}

/** Path of `dlv`, built by the first call: about 80 s. */
export async function delve(): Promise<string> {
  const folder = join(fixtureCache(), `delve-${version}`);
  const env = { ...(await goEnvironment('local')), GOBIN: folder };
  await goCommand(['install', `github.com/go-delve/delve/cmd/dlv@${version}`], env);
  return join(folder, 'dlv');
}

interface State {
  readonly exited: boolean;
  readonly Threads?: readonly {
    readonly breakPoint?: { readonly functionName?: string };
    readonly breakPointInfo?: { readonly arguments?: readonly DelveVariable[] };
  }[];
}

/** Delve attached to a process, which stands still until `next`. */
export class DelveSession implements AsyncDisposable {
  readonly #server: Awaited<ReturnType<typeof startProcess>>;
  readonly #socket: Socket;
  readonly #answers = new Map<number, (answer: { result?: unknown; error?: unknown }) => void>();
  #calls = 0;

  private constructor(server: Awaited<ReturnType<typeof startProcess>>, socket: Socket) {
    this.#server = server;
    this.#socket = socket;
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const answer = JSON.parse(line) as { id: number; result?: unknown; error?: unknown };
        this.#answers.get(answer.id)?.(answer);
        this.#answers.delete(answer.id);
      }
    });
  }

  static async attach(pid: number): Promise<DelveSession> {
    const args = ['attach', String(pid), '--headless', '--api-version=2', '--listen=127.0.0.1:0'];
    const server = await startProcess(await delve(), { args, ready: /listening at/, timeoutMs: 120_000 });
    const port = Number(/listening at: 127\.0\.0\.1:(\d+)/.exec(server.stdout + server.stderr)![1]);
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new DelveSession(server, socket);
  }

  /** Stops at each function, behind its prologue, and reads its arguments there. */
  async breakAt(functions: readonly string[]): Promise<void> {
    const load = {
      FollowPointers: true,
      MaxVariableRecurse: 8,
      MaxStringLen: 4096,
      MaxArrayValues: 200,
      MaxStructFields: -1,
    };
    for (const functionName of functions) {
      await this.#call('CreateBreakpoint', { Breakpoint: { functionName, line: -1, LoadArgs: load } });
    }
  }

  /** Lets the process go on to the next breakpoint. */
  async next(): Promise<{ function: string; arguments: readonly DelveVariable[] }[]> {
    const { State: state } = (await this.#call('Command', { name: 'continue' })) as { State: State };
    if (state.exited) return [];
    return (state.Threads ?? []).flatMap(({ breakPoint, breakPointInfo }) =>
      breakPoint?.functionName === undefined
        ? []
        : [{ function: breakPoint.functionName, arguments: breakPointInfo?.arguments ?? [] }],
    );
  }

  async #call(method: string, params: unknown): Promise<unknown> {
    const id = ++this.#calls;
    const { promise, resolve } = Promise.withResolvers<{ result?: unknown; error?: unknown }>();
    this.#answers.set(id, resolve);
    this.#socket.write(`${JSON.stringify({ method: `RPCServer.${method}`, params: [params], id })}\n`);
    const { result, error } = await promise;
    if (error !== null && error !== undefined) throw new DelveError(`${method}: ${JSON.stringify(error)}`);
    return result;
  }

  /** Takes the breakpoints out and lets the process run. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#call('Detach', { Kill: false });
    } finally {
      this.#socket.destroy();
      await this.#server.kill();
    }
  }
}
