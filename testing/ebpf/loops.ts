import { callHelper, decode, exit, jumpAlways, opcodeClass, type Program, slots } from '#asm';

/** One way on from an instruction; `jump`: by a jump, not by what follows. */
interface Edge {
  readonly to: number;
  readonly jump: boolean;
}

/**
 * Where older kernels (6.1 is one) refuse a program that newer ones take: their search in depth (kernel/bpf/verifier.c, `check_cfg`,
 * `loop_ok`) lets a jump go to an instruction that is under way, and nothing else. So a loop that is entered in its middle has to come
 * there by a jump from above, too. Slots of both ends; undefined: nowhere.
 */
export function loopWithoutJump({ instructions }: Pick<Program, 'instructions'>): string | undefined {
  const code = new Map<number, readonly Edge[]>();
  let at = 0;
  for (const instruction of decode(instructions)) {
    const next = at + slots(instruction);
    const on = { to: next, jump: false };
    const operation = instruction.opcode & 0xf0;
    const kind = instruction.opcode & 7;
    if (kind !== opcodeClass.jmp && kind !== opcodeClass.jmp32) code.set(at, [on]);
    else if (operation === exit) code.set(at, []);
    else if (operation === callHelper) code.set(at, [on]);
    else if (operation === jumpAlways) code.set(at, [{ to: next + instruction.offset, jump: true }]);
    else
      code.set(at, [
        { ...on, jump: true },
        { to: next + instruction.offset, jump: true },
      ]);
    at = next;
  }
  const done = new Set<number>();
  const underWay = new Set([0]);
  const path = [{ slot: 0, left: [...code.get(0)!] }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const edge = top.left.shift();
    if (edge === undefined) {
      underWay.delete(top.slot);
      done.add(top.slot);
      path.pop();
    } else if (underWay.has(edge.to)) {
      if (!edge.jump) return `from ${top.slot} to ${edge.to}`;
    } else if (!done.has(edge.to)) {
      underWay.add(edge.to);
      path.push({ slot: edge.to, left: [...code.get(edge.to)!] });
    }
  }
  return undefined;
}
