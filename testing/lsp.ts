import { type ChildProcess, spawn } from 'node:child_process';
import {
  createMessageConnection,
  type MessageConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-jsonrpc/node';
import type { PxEnvironment } from './px.ts';

/** A fault as an editor shows it: `2:10 pxl.unknown-name message`, lines and columns from 0. */
export interface ShownFault {
  readonly place: string;
  readonly id: string;
  readonly message: string;
}

interface Reported {
  readonly uri: string;
  readonly version?: number;
  readonly diagnostics: readonly {
    readonly range: { readonly start: { readonly line: number; readonly character: number } };
    readonly code: string;
    readonly message: string;
  }[];
}

/** An editor that talks with `px lsp` over its standard streams. */
export class LspClient {
  readonly #process: ChildProcess;
  readonly #connection: MessageConnection;
  readonly #reports: Reported[] = [];
  #waiting: (() => void)[] = [];
  #version = 0;

  private constructor(sonde: PxEnvironment, args: readonly string[]) {
    this.#process = spawn(sonde.px, ['lsp', ...args], { env: sonde.env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#connection = createMessageConnection(
      new StreamMessageReader(this.#process.stdout!),
      new StreamMessageWriter(this.#process.stdin!),
    );
    this.#connection.onNotification('textDocument/publishDiagnostics', (report: Reported) => {
      this.#reports.push(report);
      for (const each of this.#waiting.splice(0)) each();
    });
    this.#connection.listen();
  }

  static async start(sonde: PxEnvironment, ...args: readonly string[]): Promise<LspClient> {
    const client = new LspClient(sonde, args);
    const answer = await client.#connection.sendRequest<{ capabilities: object }>('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
    });
    if (!('hoverProvider' in answer.capabilities)) throw new Error(`no server for PxL: ${JSON.stringify(answer)}`);
    await client.#connection.sendNotification('initialized', {});
    return client;
  }

  /** Opens a document; `|` in the text is where the cursor is. Gives its faults. */
  async open(uri: string, text: string): Promise<ShownFault[]> {
    const version = ++this.#version;
    await this.#connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, languageId: 'pxl', version, text },
    });
    return this.#faults(uri, version);
  }

  /** Replaces a document's text. */
  async change(uri: string, text: string): Promise<ShownFault[]> {
    const version = ++this.#version;
    await this.#connection.sendNotification('textDocument/didChange', {
      textDocument: { uri, version },
      contentChanges: [{ text }],
    });
    return this.#faults(uri, version);
  }

  /** What is offered at `|` in a text: label to detail. */
  async complete(uri: string, marked: string): Promise<Map<string, string>> {
    const position = await this.#put(uri, marked);
    const answer = await this.#connection.sendRequest<{ items: { label: string; detail?: string }[] }>(
      'textDocument/completion',
      { textDocument: { uri }, position },
    );
    return new Map(answer.items.map(({ label, detail = '' }) => [label, detail]));
  }

  async hover(uri: string, marked: string): Promise<string | undefined> {
    const position = await this.#put(uri, marked);
    const answer = await this.#connection.sendRequest<{ contents: { value: string } } | null>('textDocument/hover', {
      textDocument: { uri },
      position,
    });
    return answer?.contents.value;
  }

  /** The form of the call at `|` in a text, and which of its parameters is there. */
  async signature(uri: string, marked: string): Promise<{ form: string; parameter: string | undefined } | undefined> {
    const position = await this.#put(uri, marked);
    const answer = await this.#connection.sendRequest<{
      signatures: { label: string; parameters: { label: string }[] }[];
      activeSignature: number;
      activeParameter: number;
    } | null>('textDocument/signatureHelp', { textDocument: { uri }, position });
    const found = answer?.signatures[answer.activeSignature];
    return found && { form: found.label, parameter: found.parameters[answer!.activeParameter]?.label };
  }

  async format(uri: string): Promise<string | undefined> {
    const edits = await this.#connection.sendRequest<{ newText: string }[] | null>('textDocument/formatting', {
      textDocument: { uri },
      options: { tabSize: 4, insertSpaces: true },
    });
    return edits?.[0]?.newText;
  }

  /** As an editor that is closed; gives the server's exit code. */
  async stop(): Promise<number | null> {
    const exited = new Promise<number | null>((resolve) => this.#process.once('exit', resolve));
    await this.#connection.sendRequest('shutdown');
    await this.#connection.sendNotification('exit');
    const code = await exited;
    this.#connection.dispose();
    return code;
  }

  async #put(uri: string, marked: string): Promise<{ line: number; character: number }> {
    const at = marked.indexOf('|');
    const before = marked.slice(0, at).split('\n');
    await this.change(uri, marked.slice(0, at) + marked.slice(at + 1));
    return { line: before.length - 1, character: before.at(-1)!.length };
  }

  async #faults(uri: string, version: number): Promise<ShownFault[]> {
    for (;;) {
      const report = this.#reports.find((each) => each.uri === uri && each.version === version);
      if (report !== undefined) {
        return report.diagnostics.map(({ range: { start }, code, message }) => ({
          place: `${start.line}:${start.character}`,
          id: code,
          message,
        }));
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
