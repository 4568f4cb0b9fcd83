import { helperName } from './helper.ts';
import { decode, type Instruction, loadImmediate64, slots } from './instruction.ts';
import {
  type Arithmetic,
  arithmetic,
  type Condition,
  compareAndExchange,
  condition,
  fetch,
  mayGoto,
  mode,
  opcodeClass,
  pseudo,
  registerOperand,
} from './opcode.ts';
import type { MapReference, Program } from './program.ts';

const arithmeticNames = new Map<number, Arithmetic>(
  Object.entries(arithmetic).map(([name, bits]) => [bits, name as Arithmetic]),
);
const conditionNames = new Map<number, Condition>(
  Object.entries(condition).map(([name, bits]) => [bits, name as Condition]),
);

const arithmeticSigns: Record<Arithmetic, string> = {
  add: '+=',
  sub: '-=',
  mul: '*=',
  div: '/=',
  or: '|=',
  and: '&=',
  lsh: '<<=',
  rsh: '>>=',
  neg: '= -',
  mod: '%=',
  xor: '^=',
  mov: '=',
  arsh: 's>>=',
};
const conditionSigns: Record<Condition, string> = {
  eq: '==',
  gt: '>',
  ge: '>=',
  set: '&',
  ne: '!=',
  sgt: 's>',
  sge: 's>=',
  lt: '<',
  le: '<=',
  slt: 's<',
  sle: 's<=',
};

/** One line an instruction: its slot number, then the kernel's own notation (`r1 = *(u64 *)(r6 +152)`), jumps by target slot. */
export function disassemble(program: Pick<Program, 'instructions' | 'maps'>): string {
  const maps = new Map(program.maps.map((reference) => [reference.instruction, reference]));
  const lines: string[] = [];
  let slot = 0;
  for (const instruction of decode(program.instructions)) {
    lines.push(`${String(slot).padStart(4)}: ${instructionText(instruction, slot, maps.get(slot))}`);
    slot += slots(instruction);
  }
  return lines.join('\n');
}

function atomicText(operation: number, place: string, source: number): string {
  if (operation === compareAndExchange) return `r0 = cmpxchg(${place}, r0, r${source})`;
  return (operation & fetch) !== 0 ? `r${source} = fetch_add(${place}, r${source})` : `lock ${place} += r${source}`;
}

function instructionText(instruction: Instruction, slot: number, map: MapReference | undefined): string {
  const { opcode, destination, source, offset, immediate } = instruction;
  const cls = opcode & 7;
  const operand = (opcode & registerOperand) !== 0 ? `r${source}` : `${immediate}`;
  const size = `u${[32, 16, 8, 64][(opcode >> 3) & 3]}`;
  const memory = (base: number) => `*(${size} *)(r${base} ${offset < 0 ? '-' : '+'}${Math.abs(offset)})`;
  const target = `goto ${slot + 1 + offset}`;
  if (opcode === loadImmediate64) return `r${destination} = ${wideText(instruction, map)}`;
  switch (cls) {
    case opcodeClass.ldx:
      return `r${destination} = ${memory(source)}`;
    case opcodeClass.st:
      return `${memory(destination)} = ${immediate}`;
    case opcodeClass.stx:
      return (opcode & 0xe0) === mode.atomic
        ? atomicText(immediate, memory(destination), source)
        : `${memory(destination)} = r${source}`;
    case opcodeClass.alu:
    case opcodeClass.alu64: {
      const name = arithmeticNames.get(opcode & 0xf0);
      const register = cls === opcodeClass.alu ? `w${destination}` : `r${destination}`;
      if (name === undefined) return unknown(opcode);
      return name === 'neg' ? `${register} = -${register}` : `${register} ${arithmeticSigns[name]} ${operand}`;
    }
    case opcodeClass.jmp: {
      if ((opcode & 0xf0) === 0x00) return target;
      if ((opcode & 0xf0) === 0x80) return `call ${helperName(immediate) ?? '?'}#${immediate}`;
      if ((opcode & 0xf0) === 0x90) return 'exit';
      if ((opcode & 0xf0) === mayGoto) return `may_goto ${target.replace(/^goto /, '')}`;
      const name = conditionNames.get(opcode & 0xf0);
      return name === undefined ? unknown(opcode) : `if r${destination} ${conditionSigns[name]} ${operand} ${target}`;
    }
    default:
      return unknown(opcode);
  }
}

function wideText(instruction: Instruction, map: MapReference | undefined): string {
  if (map !== undefined) return map.kind === 'fd' ? `map ${map.map}` : `map ${map.map} value +${map.offset}`;
  if (instruction.source === pseudo.mapFd || instruction.source === pseudo.mapValue) return 'map ?';
  const value = (BigInt(instruction.high ?? 0) << 32n) | BigInt(instruction.immediate >>> 0);
  return `0x${BigInt.asUintN(64, value).toString(16)} ll`;
}

function unknown(opcode: number): string {
  return `? opcode 0x${opcode.toString(16)}`;
}
