import { afterEach, expect, test, vi } from 'vitest';
import { Progress } from './progress.ts';

afterEach(() => {
  vi.useRealTimers();
});

function terminal(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, write: (text: string) => written.push(text), text: () => written.join('') };
}

test('lines come in order, each once, when they and those before them are over', () => {
  const stream = terminal(false);
  const progress = new Progress(stream);
  progress.update([
    { label: 'a', state: 'pending' },
    { label: 'b', state: 'done' },
  ]);
  expect(stream.text()).toBe('');
  progress.update([
    { label: 'a', state: 'done' },
    { label: 'b', state: 'done' },
  ]);
  progress.update([
    { label: 'a', state: 'done' },
    { label: 'b', state: 'done' },
  ]);
  progress.close();
  expect(stream.text()).toBe(' ✔    a\n ✔    b\n');
});

test('a terminal sees the pending step spin, and its line replaced', () => {
  vi.useFakeTimers();
  const stream = terminal(true);
  const progress = new Progress(stream);
  progress.update([{ label: 'a', state: 'pending' }]);
  vi.advanceTimersByTime(80);
  progress.update([{ label: 'a', state: 'failed', reason: 'why\nmore' }]);
  expect(stream.text()).toBe('\r\x1b[K ⠋    a\r\x1b[K ⠙    a\r\x1b[K ✕    a  ERR: why\n');
  vi.advanceTimersByTime(1000);
  expect(stream.text().endsWith('why\n')).toBe(true);
  expect(progress.reasons).toEqual(['why\nmore']);
});
