import { parseDuration } from './duration.ts';
import { SondeError } from './error.ts';

/** A variable of the environment that is set to something else than it may be: nothing takes its place. */
export class BadSetting extends SondeError {
  readonly code = 'setting';

  constructor(name: string, text: string, wanted: string) {
    super(`the environment has ${name}='${text}': give ${wanted}, or leave it out`);
  }
}

/** What timers can wait: beyond it they do not wait at all. */
const mostMs = 2 ** 31 - 1;

/** Milliseconds of a time such as `10s`; `fallbackMs` where the variable is not set, or empty. @throws BadSetting */
export function durationSetting(name: string, text: string | undefined, fallbackMs: number): number {
  if (!text) return fallbackMs;
  const ns = parseDuration(text) ?? 0n;
  const ms = Number(ns / 1_000_000n);
  if (ms < 1 || ms > mostMs) throw new BadSetting(name, text, 'a time such as 500ms, 10s or 2m, at most 24d');
  return ms;
}

/** A share of one CPU, of a percentage such as `5%`; `fallback` where the variable is not set, or empty. @throws BadSetting */
export function shareSetting(name: string, text: string | undefined, fallback: number): number {
  if (!text) return fallback;
  const match = /^(\d{1,4}(?:\.\d{1,6})?)\s*%$/.exec(text.trim());
  const share = match === null ? 0 : Number(match[1]) / 100;
  if (share === 0) throw new BadSetting(name, text, 'a share of one CPU such as 5% or 0.5%, below 10000%');
  return share;
}

/** `1`: true; `0`, empty or not set: false. @throws BadSetting */
export function flagSetting(name: string, text: string | undefined): boolean {
  if (text && text !== '1' && text !== '0') throw new BadSetting(name, text, '1 or 0');
  return text === '1';
}

/** What an agent is told by the environment of the px that starts it. */
export const agentSettings = ['SONDE_IDLE', 'SONDE_BUDGET', 'SONDE_REDACT_NAMES', 'SONDE_REDACT_TYPES'] as const;

/** Those of them that are set, as an agent tells them in its greeting: ASCII. */
export function formatAgentSettings(env: Readonly<Record<string, string | undefined>>): string {
  return agentSettings.flatMap((name) => (env[name] ? [`${name}=${encodeURIComponent(env[name])}`] : [])).join('&');
}

export function parseAgentSettings(text: string): ReadonlyMap<string, string> {
  return new Map(
    text.split('&').map((each) => {
      const [name = '', value = ''] = each.split('=');
      return [name, decodeURIComponent(value)];
    }),
  );
}
