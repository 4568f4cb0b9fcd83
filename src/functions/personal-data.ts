import type { RowFunction } from './row-function.ts';

/** A kind of personal data: what it looks like, and what else must hold of a text that looks so. */
interface Kind {
  readonly name: string;
  readonly pattern: RegExp;
  readonly holds?: (text: string) => boolean;
}

const byte = String.raw`(?:25[0-5]|2[0-4]\d|[01]?\d{1,2})`;
const ipv4 = String.raw`${byte}\.${byte}\.${byte}\.${byte}`;
const group = String.raw`[\da-fA-F]{1,4}`;
/** Eight groups, of which `::` may stand for some, and an IPv4 address for the last two (RFC 4291, 2.2). */
const ipv6 = [
  `(?:${group}:){6}${ipv4}`,
  ...[0, 1, 2, 3, 4].map((n) => `${groups(n)}::(?:${group}:){0,${5 - n}}${ipv4}`),
  `(?:${group}:){7}${group}`,
  ...[0, 1, 2, 3, 4, 5, 6].map((n) => `${groups(n)}::(?:${group}:){0,${Math.max(0, 5 - n)}}(?:${group})?`),
].join('|');

function groups(count: number): string {
  return count === 0 ? '' : count === 1 ? group : `(?:${group}:){${count - 1}}${group}`;
}

/** Length of an IBAN by country (ISO 13616 registry). */
const ibanLengths: ReadonlyMap<string, number> = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 ' +
    'FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 ' +
    'LY25 MC27 MD24 ME22 MK19 MR27 MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ' +
    'ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20'
  )
    .split(' ')
    .map((each) => [each.slice(0, 2), Number(each.slice(2))]),
);

const plain = (text: string) => text.replace(/[ -]/g, '');

/** ISO/IEC 7812-1, annex B. */
function luhn(text: string): boolean {
  const digits = [...plain(text)].reverse().map(Number);
  const sum = digits.reduce((all, digit, i) => all + (i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2), 0);
  return sum % 10 === 0;
}

/** ISO 7064, MOD 97-10. */
function iban(text: string): boolean {
  const code = plain(text).toUpperCase();
  const length = ibanLengths.get(code.slice(0, 2));
  if (length === undefined || code.length !== length) return false;
  const digits = (code.slice(4) + code.slice(0, 4)).replace(/[A-Z]/g, (letter) => `${letter.charCodeAt(0) - 55}`);
  return BigInt(digits) % 97n === 1n;
}

function socialSecurity(text: string): boolean {
  const [, area, middle, serial] = /^(\d{3})(\d{2})(\d{4})$/.exec(plain(text)) ?? [];
  return area !== '000' && area !== '666' && area! < '900' && middle !== '00' && serial !== '0000';
}

/** Of two kinds that begin at one place with one length the first is meant. */
const kinds: readonly Kind[] = [
  { name: 'IBAN', pattern: /[A-Za-z]{2}[ -]?\d{2}[ -]?(?:[A-Za-z0-9][ -]?){10,27}[A-Za-z0-9]/g, holds: iban },
  { name: 'EMAIL', pattern: /[\w!#$%&'*+\-/=?^`{|}~.]+(?:@|%40)(?:[a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+/g },
  { name: 'IPV6', pattern: new RegExp(ipv6, 'g') },
  { name: 'IPV4', pattern: new RegExp(ipv4, 'g') },
  { name: 'MAC_ADDR', pattern: /(?:[\da-fA-F]{2}[-:]){5}[\da-fA-F]{2}/g },
  { name: 'IMEI', pattern: /\d{2}-\d{6}-\d{6}-\d(?!\d)/g, holds: luhn },
  { name: 'IMEI', pattern: /\d{2}-\d{6}-\d{6}-\d{2}/g },
  { name: 'CC_NUMBER', pattern: /(?:\d[ -]*){12,18}\d/g, holds: luhn },
  { name: 'SSN', pattern: /\d{3}[ -]+\d{2}[ -]+\d{4}/g, holds: socialSecurity },
];

/** Marks what looks like personal data; of overlapping finds the longest counts. */
function redact(text: string): string {
  const found = kinds.flatMap(({ name, pattern, holds }) =>
    [...text.matchAll(pattern)]
      .filter(([match]) => match !== '' && (holds === undefined || holds(match)))
      .map(({ index, 0: match }) => ({ name, start: index, end: index + match.length })),
  );
  found.sort((a, b) => a.start - b.start);
  const kept: typeof found = [];
  for (let i = 0; i < found.length; ) {
    const overlapping = [found[i]!];
    while (i + overlapping.length < found.length && found[i + overlapping.length]!.start < found[i]!.end) {
      overlapping.push(found[i + overlapping.length]!);
    }
    kept.push(overlapping.reduce((best, each) => (each.end - each.start > best.end - best.start ? each : best)));
    i += overlapping.length;
  }
  let out = '';
  let at = 0;
  for (const { name, start, end } of kept) {
    if (start < at) continue;
    out += `${text.slice(at, start)}<REDACTED_${name}>`;
    at = end;
  }
  return out + text.slice(at);
}

export const personalData: readonly RowFunction[] = [
  { name: 'redact_pii_best_effort', parameters: ['text'], result: 'text', call: redact },
];
