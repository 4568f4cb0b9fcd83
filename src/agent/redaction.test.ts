import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BadRedaction, readRedaction } from './redaction.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sonde-redaction-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('hides the usual names by default, however they are written', () => {
  const redaction = readRedaction(folder, {});
  for (const name of ['password', 'dbPassword', 'API_KEY', 'AccessToken', 'Authorization', 'client_secret']) {
    expect(redaction.hides(name, 'string')).toBe(true);
  }
  for (const name of ['pass', 'key', 'user', 'Name', 'auth']) expect(redaction.hides(name, 'string')).toBe(false);
});

it('hides no flag, time or count that is named after a secret, but a number that may be one', () => {
  const redaction = readRedaction(folder, {});
  const ofNumber = (name: string) => redaction.hides(name, 'int', () => 'number');
  for (const name of ['token', 'SecretPIN', 'sessionToken', 'tokenID', 'password_code'])
    expect(ofNumber(name)).toBe(true);
  for (const name of ['MaxTokens', 'maxSubTokens', 'TokenCount', 'token_ttl', 'PromptTokensTotal', 'CookieLen']) {
    expect(ofNumber(name)).toBe(false);
    expect(redaction.hides(name, 'string')).toBe(true);
  }
  expect(redaction.hides('UseToken', 'bool', () => 'nothing')).toBe(false);
  const own = readRedaction(folder, { SONDE_REDACT_NAMES: 'pin' });
  expect(own.hides('userPIN', 'int', () => 'number')).toBe(true);
  expect(own.hides('spinCount', 'int', () => 'number')).toBe(false);
});

it('takes the list of the file in the folder, and that of the environment before it', () => {
  writeFileSync(join(folder, 'redact.json'), '{"names":["ssn"],"types":["main.Secret"]}');
  const fromFile = readRedaction(folder, {});
  expect(fromFile.hides('password', 'string')).toBe(false);
  expect(fromFile.hides('userSSN', 'string')).toBe(true);
  expect(['main.Secret', '*main.Secret', '[]main.Secret'].every((type) => fromFile.hides('x', type))).toBe(true);
  const fromEnvironment = readRedaction(folder, { SONDE_REDACT_NAMES: 'pin, iban' });
  expect(fromEnvironment.rules).toEqual({ names: ['pin', 'iban'], types: ['main.Secret'] });
  expect(readRedaction(folder, { SONDE_REDACT_NAMES: '', SONDE_REDACT_TYPES: '' }).rules).toEqual({
    names: [],
    types: [],
  });
});

it('refuses a list that it does not understand', () => {
  for (const text of ['{', '{"name":["x"]}', '{"names":"x"}']) {
    writeFileSync(join(folder, 'redact.json'), text);
    expect(() => readRedaction(folder, {})).toThrow(BadRedaction);
  }
});

it('refuses a pattern, which would hide nothing', () => {
  const types = ['main.*', 'main.Secr?t', '^main'];
  for (const word of types)
    expect(() => readRedaction(folder, { SONDE_REDACT_TYPES: `main.T,${word}` })).toThrow(
      `SONDE_REDACT_TYPES='${word}': give whole types such as 'main.Secret', no patterns`,
    );
  for (const word of ['pass*', '*', 'a|b', '__'])
    expect(() => readRedaction(folder, { SONDE_REDACT_NAMES: word })).toThrow(`SONDE_REDACT_NAMES='${word}'`);
  const fine = ['*main.T', 'map[string]*main.T', 'main.Box[int]', '[]byte', 'github.com/a/b-c.T'];
  expect(readRedaction(folder, { SONDE_REDACT_TYPES: fine.join() }).rules.types).toEqual(fine);
  writeFileSync(join(folder, 'redact.json'), '{"types":["main.*"]}');
  expect(() => readRedaction(folder, {})).toThrow(
    "'types' are whole types such as 'main.Secret', no patterns: 'main.*'",
  );
});
