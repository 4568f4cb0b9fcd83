import { agentSettings, durationSetting, parseAgentSettings, shareSetting } from '#base';
import type { Context } from '../context.ts';
import { settings } from '../settings.ts';

/** What only an agent will use is wrong for a px that finds one running, too. @throws BadSetting */
export function requireSettings(env: Context['env']): void {
  durationSetting('SONDE_IDLE', env.SONDE_IDLE, 0);
  shareSetting('SONDE_BUDGET', env.SONDE_BUDGET, 0);
}

/** What px's environment says of an agent and the running one was not told, a line each. `told`: its settings, as it greets with them. */
export function notInForce(context: Context, told: string): string[] {
  const theirs = parseAgentSettings(told);
  return agentSettings.flatMap((name) => {
    const wanted = context.env[name];
    const fallback = settings.find((each) => each.name === name)!.fallback(context);
    const held = theirs.get(name);
    if (!wanted || spaceless(wanted) === spaceless(held ?? fallback)) return [];
    return `${name}=${wanted} is not in force: the running agent was started with ${held ?? `the default (${fallback})`}. \`px agent stop\` ends it, with its tracepoints and rows; the next px then starts one with yours`;
  });
}

const spaceless = (text: string): string => text.replaceAll(/\s/g, '');
