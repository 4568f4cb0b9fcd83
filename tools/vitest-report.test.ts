import { expect, it } from 'vitest';
import { failures, sum, tally, type VitestReport } from './vitest-report.ts';

const report: VitestReport = {
  success: true,
  numPassedTests: 3,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 1,
  testResults: [],
};

it('counts tests', () => {
  expect(tally(report)).toEqual({ passed: 3, failed: 0, skipped: 2 });
  expect(tally({ ...report, success: false, numFailedTests: 2 })).toMatchObject({ failed: 2 });
});

it('counts a file that could not be loaded, and a run that failed for no test', () => {
  const broken = { name: 'a.test.ts', status: 'failed', assertionResults: [] };
  expect(tally({ ...report, success: false, testResults: [broken] })).toMatchObject({ failed: 1 });
  expect(tally({ ...report, success: false })).toMatchObject({ failed: 1 });
});

it('names what failed, with the reason in a line', () => {
  const tests = [
    { status: 'passed', fullName: 'counts' },
    {
      status: 'failed',
      fullName: 'drops',
      failureMessages: ['\u001b[31mAssertionError\u001b[39m: expected 1 to be 2\n    at x'],
    },
  ];
  const testResults = [
    { name: 'a.test.ts', status: 'failed', assertionResults: tests },
    { name: 'b.test.ts', status: 'failed', message: 'no module c\nat b', assertionResults: [] },
    { name: 'c.test.ts', status: 'passed', assertionResults: [] },
    { name: 'd.test.ts', status: 'failed', message: '', assertionResults: [{ status: 'skipped', fullName: 'x' }] },
  ];
  expect(failures({ ...report, testResults })).toEqual([
    'a.test.ts: drops: AssertionError: expected 1 to be 2',
    'b.test.ts: no module c',
    'd.test.ts: it could not be set up: its output says why',
  ]);
});

it('adds up', () => {
  expect(sum([tally(report), { passed: 1, failed: 1, skipped: 0 }])).toEqual({ passed: 4, failed: 1, skipped: 2 });
});
