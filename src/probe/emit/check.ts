import {
  arithmetic,
  callHelper,
  condition,
  decode,
  exit,
  fp,
  helperName,
  type Instruction,
  opcodeClass,
  type Program,
  r0,
  r1,
  r2,
  registerOperand,
  sleepingHelpers,
  slots,
} from '#asm';
import { BugError } from '#base';

/** What is held of the ring on the way to an instruction. `pending`: a reserve has just returned, r0 not yet looked at. */
type Held = 'nothing' | 'pending' | 'record';

/**
 * Walks every path of a program: each reserve is followed by its NULL test, reaches one submit or discard, and no helper
 * that may sleep is called in between (FACTS, rule 18). The verifier checks the first half too, the second nobody else.
 */
export function checkReservations(program: Pick<Program, 'name' | 'instructions'>): void {
  const code = new Map<number, Instruction>();
  let at = 0;
  for (const instruction of decode(program.instructions)) {
    code.set(at, instruction);
    at += slots(instruction);
  }
  const fail = (slot: number, what: string): never => {
    throw new BugError(`eBPF program ${program.name}, slot ${slot}: ${what}`);
  };
  const seen = new Set<string>();
  const todo: { readonly slot: number; readonly held: Held }[] = [{ slot: 0, held: 'nothing' }];
  for (let state = todo.pop(); state !== undefined; state = todo.pop()) {
    const { slot, held } = state;
    const key = `${slot} ${held}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const instruction = code.get(slot);
    if (instruction === undefined)
      throw new BugError(`eBPF program ${program.name}: control leaves it at slot ${slot}`);
    const next = slot + slots(instruction);
    const operation = instruction.opcode & 0xf0;
    if (held === 'pending' && !isNullTest(instruction)) fail(slot, 'a reserve without its NULL test');
    if ((instruction.opcode & 7) !== opcodeClass.jmp) {
      todo.push({ slot: next, held });
    } else if (operation === exit) {
      if (held !== 'nothing') fail(slot, 'ends with a record that was not submitted');
    } else if (operation === callHelper) {
      todo.push({ slot: next, held: afterCall(instruction, slot, held, fail) });
    } else if (operation === 0) {
      todo.push({ slot: next + instruction.offset, held });
    } else if (held === 'pending') {
      todo.push({ slot: next, held: 'record' }, { slot: next + instruction.offset, held: 'nothing' });
    } else {
      todo.push({ slot: next, held }, { slot: next + instruction.offset, held });
    }
  }
}

/**
 * What is on the stack before a sleep must not be read behind it: a stack of 64 bytes and more is the CPU's, not the thread's (private stacks,
 * kernel 6.13), and other threads run the same program on it meanwhile. Every load from the stack behind the last helper that may
 * sleep therefore follows a store to that place behind it, or a helper that was handed its address.
 */
export function checkStack(program: Pick<Program, 'name' | 'instructions'>): void {
  let slept = false;
  let written = new Set<number>();
  let pointer: number | undefined;
  /** Offset of what r1 hands to a helper, whose r2 says how many bytes it writes. */
  let handed: number | undefined;
  let next = 0;
  let firstSleep = 0;
  let sleep = 0;
  /** Stack loads before the first sleep: slot behind the instruction, and offset. */
  const early: { readonly next: number; readonly offset: number }[] = [];
  for (const instruction of decode(program.instructions)) {
    next += slots(instruction);
    const { opcode, destination, source, offset, immediate } = instruction;
    const cls = opcode & 7;
    if (cls === opcodeClass.jmp && (opcode & 0xf0) === callHelper) {
      const helper = helperName(immediate);
      if (helper === undefined || !sleepingHelpers.has(helper)) continue;
      if (!slept) firstSleep = next;
      slept = true;
      sleep = next;
      written = new Set();
    } else if (cls === opcodeClass.jmp && slept && next + offset < sleep) {
      // To before all sleeps: what is read from there on must have been written since the last one.
      const stale = early.find((load) => load.next > next + offset && !written.has(load.offset));
      if (next + offset >= firstSleep || stale !== undefined)
        throw new BugError(`eBPF program ${program.name} jumps back over a sleep: its stack cannot be checked`);
    } else if ((cls === opcodeClass.st || cls === opcodeClass.stx) && destination === fp) {
      written.add(offset);
    } else if (cls === opcodeClass.ldx && source === fp && !slept) {
      early.push({ next, offset });
    } else if (cls === opcodeClass.ldx && source === fp && !written.has(offset)) {
      throw new BugError(`eBPF program ${program.name} reads its stack at ${offset}, which a sleep may have changed`);
    } else if (opcode === (opcodeClass.alu64 | arithmetic.mov | registerOperand) && source === fp) {
      pointer = destination;
    } else if (opcode === (opcodeClass.alu64 | arithmetic.add) && destination === pointer) {
      // For a helper to write to: 16 bytes, if it is not told how many.
      for (const at of [0, 4, 8]) written.add(immediate + at);
      handed = pointer === r1 ? immediate : undefined;
      pointer = undefined;
    } else if (opcode === (opcodeClass.alu64 | arithmetic.mov) && destination === r2 && handed !== undefined) {
      for (let at = 16; at + 8 <= immediate; at += 8) written.add(handed + at);
      handed = undefined;
    }
  }
}

function isNullTest(instruction: Instruction): boolean {
  return (
    instruction.opcode === (opcodeClass.jmp | condition.eq) &&
    instruction.destination === r0 &&
    instruction.immediate === 0
  );
}

function afterCall(
  instruction: Instruction,
  slot: number,
  held: Held,
  fail: (slot: number, what: string) => never,
): Held {
  const helper = helperName(instruction.immediate);
  if (helper === undefined) return fail(slot, `helper ${instruction.immediate} is not one of ours`);
  if (sleepingHelpers.has(helper) && held !== 'nothing') fail(slot, `${helper} may sleep while a record is reserved`);
  switch (helper) {
    case 'ringbuf_reserve':
      return held === 'nothing' ? 'pending' : fail(slot, 'a second record is reserved');
    case 'ringbuf_submit':
    case 'ringbuf_discard':
      return held === 'record' ? 'nothing' : fail(slot, `${helper} without a record`);
    default:
      return held;
  }
}
