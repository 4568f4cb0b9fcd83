import { expect, it } from 'vitest';
import { durationSetting, flagSetting } from './setting.ts';

it('a setting is understood or refused: nothing takes its place', () => {
  expect(['10s', '500ms', '24d', '', undefined].map((text) => durationSetting('X', text, 7))).toEqual([
    10_000, 500, 2_073_600_000, 7, 7,
  ]);
  for (const text of ['10', 'soon', '0s', '-1s', '1us', '25d', '10 s x'])
    expect(() => durationSetting('X', text, 7), text).toThrow(
      `the environment has X='${text}': give a time such as 500ms, 10s or 2m, at most 24d, or leave it out`,
    );
  expect(['1', '0', '', undefined].map((text) => flagSetting('Y', text))).toEqual([true, false, false, false]);
  expect(() => flagSetting('Y', 'true')).toThrow("Y='true': give 1 or 0");
});
