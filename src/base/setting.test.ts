import { expect, it } from 'vitest';
import { durationSetting, flagSetting, formatAgentSettings, parseAgentSettings, shareSetting } from './setting.ts';

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

it('a share is per cent of one CPU, and anything else is refused', () => {
  expect(['12.5%', ' 200 %', undefined, ''].map((text) => shareSetting('X', text, 0.05))).toEqual([
    0.125, 2, 0.05, 0.05,
  ]);
  for (const text of ['much', '10', '0%', '0.0000001%', '-5%', '5%%', '12345%', '1e3%'])
    expect(() => shareSetting('X', text, 1), text).toThrow(`X='${text}': give a share of one CPU such as 5% or 0.5%`);
});

it('what an agent was started with survives the way to px', () => {
  const set = { SONDE_BUDGET: '10 %', SONDE_REDACT_NAMES: 'pässwort,a=b&c', SONDE_IDLE: '' };
  const text = formatAgentSettings({ ...set, HOME: '/root' });
  expect(text).toMatch(/^[!-~]*$/);
  expect([...parseAgentSettings(text)]).toEqual([
    ['SONDE_BUDGET', '10 %'],
    ['SONDE_REDACT_NAMES', 'pässwort,a=b&c'],
  ]);
});
