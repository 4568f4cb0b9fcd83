import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BadSetting, SondeError } from '#base';
import { defaultRedaction, Redaction, type RedactionRules } from '#probe';

/** The agent's owner wrote a list of redactions that cannot be read: nothing is traced without it. */
export class BadRedaction extends SondeError {
  readonly code = 'agent.redaction';

  constructor(file: string, cause: unknown) {
    super(`the redaction list ${file} cannot be used: ${(cause as Error).message}`, { cause });
  }
}

/**
 * What is never captured, as the agent's owner has it; a script has no say. `SONDE_REDACT_NAMES` and `SONDE_REDACT_TYPES` (words with commas
 * between) take the place of the defaults, and so does `redact.json` in the agent's folder (`{"names":[…],"types":[…]}`), which the environment
 * overrides. An empty list hides nothing.
 */
export function readRedaction(dir: string, env: Readonly<Record<string, string | undefined>>): Redaction {
  const file = join(dir, 'redact.json');
  let listed: Partial<RedactionRules> = {};
  if (existsSync(file)) {
    try {
      listed = parsed(readFileSync(file, 'utf8'));
    } catch (error) {
      throw new BadRedaction(file, error);
    }
  }
  return new Redaction({
    names: words(env, 'names') ?? listed.names ?? defaultRedaction.names,
    types: words(env, 'types') ?? listed.types ?? defaultRedaction.types,
  });
}

/** What hides something: a word that can be in no name, or a pattern, would hide nothing, and nobody would know. */
const rules = {
  names: { fits: /^[\p{L}\p{Nd}_-]*[\p{L}\p{Nd}][\p{L}\p{Nd}_-]*$/u, are: "parts of names such as 'password'" },
  types: { fits: /^(?!.*([\w.]\*|[?^$|\\])).+$/u, are: "whole types such as 'main.Secret'" },
};

function words(env: Readonly<Record<string, string | undefined>>, of: keyof RedactionRules): string[] | undefined {
  const variable = `SONDE_REDACT_${of.toUpperCase()}`;
  const list = env[variable]
    ?.split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  for (const word of list ?? [])
    if (!rules[of].fits.test(word)) throw new BadSetting(variable, word, `${rules[of].are}, no patterns`);
  return list;
}

/** Throws for what is no object of lists of words. */
function parsed(text: string): Partial<RedactionRules> {
  const object: unknown = JSON.parse(text);
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw new TypeError('it is no object');
  for (const [key, value] of Object.entries(object)) {
    if (key !== 'names' && key !== 'types') throw new TypeError(`'${key}' is not known: names and types are`);
    if (!Array.isArray(value) || value.some((each) => typeof each !== 'string')) {
      throw new TypeError(`'${key}' is no list of texts`);
    }
    for (const word of value)
      if (!rules[key].fits.test(word)) throw new TypeError(`'${key}' are ${rules[key].are}, no patterns: '${word}'`);
  }
  return object;
}
