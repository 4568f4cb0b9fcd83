import { expect, it } from 'vitest';
import { MachineError, UserError } from '#door';
import { QueryFailed } from '#store';
import { queryFault } from './queryfault.ts';

it("tells a script's fault from a full disk and from the engine's own", () => {
  const pattern = queryFault(new QueryFailed('Invalid Input Error: missing ): (\n\nLINE 1: SELECT …', 'SELECT …'));
  expect(pattern).toBeInstanceOf(UserError);
  expect(pattern.message).toBe('the query cannot be answered: missing ): (');
  const full = queryFault(new QueryFailed('IO Error: … Could not write file "x": No space left on device', ''));
  expect(full).toBeInstanceOf(MachineError);
  expect(full.message).toContain('disk');
  const replaced = queryFault(new QueryFailed('Binder Error: Table "t" does not have a column named "n"', ''));
  expect(replaced).toBeInstanceOf(UserError);
  expect(replaced.message).toContain('run it again');
  const other = new QueryFailed('Out of Memory Error: failed to allocate', '');
  expect(queryFault(other)).toBe(other);
});
