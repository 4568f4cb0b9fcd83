// One measurement of bench/resolve.ts in a process of its own: resolve-one.ts cold|index|save EXE FUNCTION INDEX-FILE
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createX86Decoder, formatSignature, type GoType, type IcedX86, openGoBinary, type TypeRef } from '#gobin';
import { fileSource, nodeInflate } from '../testing/binary-file.ts';

const [mode, path, name, indexFile] = process.argv.slice(2) as [string, string, string, string];
const iced = createRequire(import.meta.url)('iced-x86') as IcedX86;
const decode = createX86Decoder(iced);
decode(new Uint8Array([0xc3]), 0 as never);
const index = mode === 'index' ? readFileSync(indexFile) : undefined;
globalThis.gc?.();
const idle = process.memoryUsage.rss();
const started = process.cpuUsage();
const clock = performance.now();

const source = fileSource(path);
const binary = openGoBinary(source, { inflate: nodeInflate, decode, ...(index && { index }) });
const lookup = binary.findFunction(name);
if (lookup.kind !== 'found') throw new Error(`${name}: ${JSON.stringify(lookup)}`);
const fn = lookup.function;
const signature = binary.signature(fn);
const seen = new Set<TypeRef>();
/** Types down to the fields of what a pointer leads to: what a capture of depth 1 asks for. */
const visit = (ref: TypeRef, depth: number): void => {
  if (depth < 0 || seen.has(ref)) return;
  seen.add(ref);
  const type: GoType = binary.type(ref);
  if (type.kind === 'struct') for (const field of type.fields) visit(field.type, depth - 1);
  else if ('elem' in type && type.elem !== undefined) visit(type.elem, depth - 1);
};
for (const variable of [...signature.parameters, ...signature.results]) visit(variable.type, 2);
const code = binary.code(fn);
const text = `${formatSignature(binary, fn)} ${JSON.stringify(binary.sourceLine(fn))} ${code.count} ${JSON.stringify(binary.runtime)} ${binary.fileOffset(fn.entry)}`;

const used = process.cpuUsage(started);
const wall = performance.now() - clock;
const peak = process.resourceUsage().maxRSS * 1024;
if (mode === 'save') {
  const kept = binary.exportIndex();
  if (kept) writeFileSync(indexFile, kept);
}
const saved = process.cpuUsage(started);
console.log(
  JSON.stringify({
    cpu: (used.user + used.system) / 1e6,
    wall: wall / 1e3,
    megabytes: (peak - idle) / 2 ** 20,
    idle: idle / 2 ** 20,
    exportCpu: (saved.user + saved.system - used.user - used.system) / 1e6,
    types: seen.size,
    inlinedCopies: lookup.inlinedCopies,
    text,
  }),
);
source.close();
