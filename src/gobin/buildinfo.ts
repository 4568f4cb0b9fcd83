import { type Address, address, ByteReader, decodeUtf8, SondeError } from '#base';
import type { Elf } from '#elf';

/** What the Go linker wrote about the build (`go version -m` prints it). */
export interface BuildInfo {
  /** `go1.26.8`, `devel go1.27-…`, maybe with experiments behind a space or ` X:`. */
  readonly goVersion: string;
  /** Import path of the main package; undefined where modules were not used. */
  readonly path?: string;
  /** Path of the main module. */
  readonly module?: string;
  /** `GOARCH`, `-buildmode`, `vcs.revision`, … (Go ≥ 1.18). */
  readonly settings: ReadonlyMap<string, string>;
}

/** `\xff Go buildinf:` (Go, debug/buildinfo). */
const magic = [0xff, 0x20, 0x47, 0x6f, 0x20, 0x62, 0x75, 0x69, 0x6c, 0x64, 0x69, 0x6e, 0x66, 0x3a] as const;
const headerSize = 32;
const flagInline = 2;
/** Longest string that is believed. */
const mostBytes = 1 << 20;

/**
 * Build info from `.go.buildinfo`; undefined when the file is not a Go program (or its section is broken). Two layouts: pointers to strings
 * (Go ≤ 1.17; zero in an externally linked PIE file, where nothing is known then), strings in place (Go ≥ 1.18).
 */
export function readBuildInfo(elf: Pick<Elf, 'section' | 'read'>): BuildInfo | undefined {
  try {
    const bytes = elf.section('.go.buildinfo');
    if (bytes === undefined || magic.some((byte, i) => bytes[i] !== byte)) return undefined;
    const [version, framed] = (bytes[15]! & flagInline) !== 0 ? inlineStrings(bytes) : pointedStrings(bytes, elf);
    return version ? { goVersion: version, ...parseModule(framed) } : undefined;
  } catch (error) {
    if (error instanceof SondeError) return undefined;
    throw error;
  }
}

function inlineStrings(bytes: Uint8Array): [string, Uint8Array] {
  const reader = new ByteReader(bytes, headerSize);
  const version = decodeUtf8(reader.take(reader.uleb()));
  return [version, reader.take(reader.uleb())];
}

function pointedStrings(bytes: Uint8Array, elf: Pick<Elf, 'read'>): [string, Uint8Array] {
  const reader = new ByteReader(bytes, 16);
  const version = pointedString(reader.u64number(), elf);
  try {
    return [decodeUtf8(version), pointedString(reader.u64number(), elf)];
  } catch (error) {
    // Without modules the second string has no bytes in the file.
    if (error instanceof SondeError) return [decodeUtf8(version), new Uint8Array()];
    throw error;
  }
}

function pointedString(header: number, elf: Pick<Elf, 'read'>): Uint8Array {
  if (header === 0) return new Uint8Array();
  const words = new ByteReader(elf.read(address(header), 16));
  const at: Address = address(words.u64number());
  const length = words.u64number();
  return length === 0 || length > mostBytes ? new Uint8Array() : elf.read(at, length);
}

/** Module info stands between two 16-byte marks; its lines are tab-separated: `path`, `mod`, `dep`, `build`. */
function parseModule(framed: Uint8Array): Omit<BuildInfo, 'goVersion'> {
  const settings = new Map<string, string>();
  if (framed.length < 33 || framed[framed.length - 17] !== 0x0a) return { settings };
  let path: string | undefined;
  let module: string | undefined;
  for (const line of decodeUtf8(framed.subarray(16, framed.length - 16)).split('\n')) {
    const [kind, first = '', ...rest] = line.split('\t');
    if (kind === 'path') path = first;
    else if (kind === 'mod') module = first;
    else if (kind === 'build') {
      const text = [first, ...rest].join('\t');
      const split = text.indexOf('=', text.startsWith('"') ? text.indexOf('"', 1) : 0);
      if (split > 0) settings.set(unquote(text.slice(0, split)), unquote(text.slice(split + 1)));
    }
  }
  return { ...(path !== undefined && { path }), ...(module !== undefined && { module }), settings };
}

/** Go quotes keys and values that hold special characters. */
function unquote(text: string): string {
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}
