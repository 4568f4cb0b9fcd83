import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { killStarted, ProcessError, startProcess } from './process.ts';

it('waits for a line, keeps output, tells how the process ended', async () => {
  const shell = await startProcess('/bin/sh', {
    args: ['-c', 'echo one; echo ready >&2; read line; echo "got $line"; exit 3'],
    ready: /ready/,
  });
  expect(shell.lines).toEqual(['one']);
  shell.write('two\n');
  await shell.waitFor(/got two/);
  expect(await shell.exited).toEqual({ code: 3, signal: null });
});

it('fails with the output when what is waited for does not come', async () => {
  await expect(startProcess('/bin/sh', { args: ['-c', 'echo oops'], ready: /ready/ })).rejects.toThrow(/oops/);
  await expect(startProcess('/nowhere/program', { ready: /ready/ })).rejects.toThrow(ProcessError);
  await expect(startProcess('/bin/sleep', { args: ['60'], ready: /ready/, timeoutMs: 50 })).rejects.toThrow(
    /not within 50 ms/,
  );
});

it('leaves nothing behind', async () => {
  const sleeper = await startProcess('/bin/sleep', { args: ['60'] });
  await killStarted();
  expect(await sleeper.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(existsSync(`/proc/${sleeper.pid}`)).toBe(false);
});
