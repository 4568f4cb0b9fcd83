import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  createConnection,
  type Diagnostic,
  DiagnosticSeverity,
  type InitializeResult,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { checkScript, type FunctionCall, readVis, standIns, visCalls } from '#planner';
import { format } from '#pxl';
import type { Agent } from '../connect/agent.ts';
import { version } from '../version.ts';
import { completions } from './completion.ts';
import { hover } from './hover.ts';
import { AgentKnowledge } from './programs.ts';
import { signatureHelp } from './signature.ts';

/** How long typing must pause before a script is checked, in milliseconds. */
const pauseMs = 150;

/** A language server for PxL over two streams; resolves when the client has said `exit` or has gone. */
export function serve(
  input: Readable,
  output: Writable,
  agent: () => Promise<Agent | undefined>,
  process: string | undefined,
): Promise<void> {
  const connection = createConnection(input, output);
  const documents = new TextDocuments(TextDocument);
  const knowledge = new AgentKnowledge(agent, process);
  const waiting = new Map<string, NodeJS.Timeout>();

  connection.onInitialize(
    (): InitializeResult => ({
      serverInfo: { name: 'px', version: version() },
      capabilities: {
        textDocumentSync: TextDocumentSyncKind.Incremental,
        completionProvider: { triggerCharacters: ['.', "'", '"', '/'] },
        hoverProvider: true,
        signatureHelpProvider: { triggerCharacters: ['(', ','] },
        documentFormattingProvider: true,
      },
    }),
  );

  const check = async (document: TextDocument): Promise<void> => {
    const catalog = await knowledge.catalog();
    const options = { calls: callsOf(document.uri), now: BigInt(Date.now()) * 1_000_000n };
    const { diagnostics } = checkScript(document.getText(), catalog, options);
    await connection.sendDiagnostics({
      uri: document.uri,
      version: document.version,
      diagnostics: diagnostics.map(({ id, message, hints = [], span }): Diagnostic => {
        const { start, end } = span ?? { start: 0, end: 0 };
        return {
          range: { start: document.positionAt(start), end: document.positionAt(Math.max(end, start)) },
          severity: DiagnosticSeverity.Error,
          code: id,
          source: 'px',
          message: [message, ...hints].join('\n'),
        };
      }),
    });
  };
  documents.onDidChangeContent(({ document }) => {
    clearTimeout(waiting.get(document.uri));
    waiting.set(
      document.uri,
      setTimeout(() => void check(document), pauseMs),
    );
  });
  documents.onDidClose(({ document }) => {
    clearTimeout(waiting.get(document.uri));
    waiting.delete(document.uri);
    void connection.sendDiagnostics({ uri: document.uri, diagnostics: [] });
  });

  connection.onCompletion(async ({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return null;
    const found = await completions(
      document.getText(),
      document.offsetAt(position),
      await knowledge.catalog(),
      knowledge,
    );
    // Function names are asked for again with more of the name.
    return { isIncomplete: found.length >= 100, items: found };
  });
  connection.onHover(async ({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return null;
    const found = await hover(document.getText(), document.offsetAt(position), await knowledge.catalog(), knowledge);
    if (found === undefined) return null;
    const range = { start: document.positionAt(found.start), end: document.positionAt(found.end) };
    return { range, contents: { kind: 'plaintext', value: found.text } };
  });
  connection.onSignatureHelp(async ({ textDocument, position }) => {
    const document = documents.get(textDocument.uri);
    if (document === undefined) return null;
    return signatureHelp(document.getText(), document.offsetAt(position), await knowledge.catalog()) ?? null;
  });
  connection.onDocumentFormatting(({ textDocument }) => {
    const document = documents.get(textDocument.uri);
    const formatted = document && format(document.getText());
    if (document === undefined || !formatted?.ok) return null;
    const range = { start: { line: 0, character: 0 }, end: document.positionAt(document.getText().length) };
    return [{ range, newText: formatted.source }];
  });

  documents.listen(connection);
  return new Promise((resolve) => {
    connection.onExit(() => resolve());
    input.once('end', () => resolve());
    input.once('close', () => resolve());
    connection.listen();
  });
}

/** The functions that the vis.json beside a script calls. */
function callsOf(uri: string): readonly FunctionCall[] {
  if (!uri.startsWith('file:')) return [];
  const file = join(dirname(fileURLToPath(uri)), 'vis.json');
  if (!existsSync(file)) return [];
  const vis = readVis(readFileSync(file, 'utf8'));
  const calls = vis.ok ? visCalls(vis.value, standIns(vis.value)) : undefined;
  return calls?.ok ? calls.value : [];
}
