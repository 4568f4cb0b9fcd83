import type { Architecture, CodeShape, DecodedCode, InstructionClass } from '#gobin';
import type { Site } from '../types.ts';
import { notTaken } from './flags.ts';
import { classifyArm64 } from './kernel-arm64.ts';
import { classifyX86 } from './kernel-x86.ts';
import type { Intact } from './wants.ts';

/** An instruction chosen for the entry probe. */
export interface EntryChoice {
  readonly index: number;
  readonly class: InstructionClass;
  /** The site is the stack check's own jump: count only when it is not taken. */
  readonly notTaken?: NonNullable<ReturnType<typeof notTaken>>;
  readonly grown?: NonNullable<Site['grown']>;
}

/** Bytes of instruction `index`. */
export function instructionBytes(code: DecodedCode, index: number): Uint8Array {
  return code.bytes.subarray(code.offsets[index]!, code.offsets[index + 1]!);
}

/** What the kernel does with a uprobe on instruction `index`. */
export function classify(architecture: Architecture, code: DecodedCode, index: number): InstructionClass {
  const bytes = instructionBytes(code, index);
  return architecture === 'amd64' ? classifyX86(bytes) : classifyArm64(bytes);
}

/**
 * The instruction that every call runs exactly once and at which all of `intact` is still in place, the cheapest one. Undefined: there is
 * none (also when the entry is a loop head). `avoid`: instructions taken only where there is no other (return sites).
 */
export function chooseEntry(
  architecture: Architecture,
  code: DecodedCode,
  shape: CodeShape,
  intact: Intact,
  avoid: ReadonlySet<number>,
): EntryChoice | undefined {
  if (shape.loopHead) return undefined;
  // Behind a stack check nothing is looked at but the next instruction.
  const most = shape.check >= 0 ? shape.check + 2 : shape.straight;
  const reach = Math.min(shape.straight, intactLength(code, intact, most));
  return shape.check >= 0
    ? atCheck(architecture, code, shape.check, reach)
    : inPrefix(architecture, code, reach, avoid);
}

/** How many leading instructions may be probed, of the first `most`: before each of them all of `intact` is as it was at the call. */
function intactLength(code: DecodedCode, intact: Intact, most: number): number {
  const { count, registers, floats, memory } = code.effects(most);
  for (let i = 0; i < count; i++) {
    const touches =
      (registers[i]! & intact.registers) !== 0 ||
      (floats[i]! & intact.floats) !== 0 ||
      (intact.memory && memory[i] === 1);
    if (touches) return i + 1;
  }
  return Math.min(count, code.count);
}

/**
 * With a stack check: whatever comes before its jump may run twice for one call. The jump itself is the cheapest to probe: the kernel writes nothing to the
 * stack for it, as it does for the `push` behind it.
 */
function atCheck(architecture: Architecture, code: DecodedCode, check: number, reach: number): EntryChoice | undefined {
  if (check < reach) {
    const test = notTaken(architecture, instructionBytes(code, check));
    const checkClass = classify(architecture, code, check);
    if (test && checkClass === 'emulated') return { index: check, class: checkClass, notTaken: test };
  }
  const behind = check + 1;
  const behindClass = behind < reach ? classify(architecture, code, behind) : 'refused';
  return behindClass === 'refused' ? undefined : { index: behind, class: behindClass };
}

function inPrefix(
  architecture: Architecture,
  code: DecodedCode,
  reach: number,
  avoid: ReadonlySet<number>,
): EntryChoice | undefined {
  let best: EntryChoice | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let index = 0; index < reach; index++) {
    const kind = classify(architecture, code, index);
    if (kind === 'refused') continue;
    const cost = (avoid.has(index) ? 2 : 0) + (kind === 'emulated' ? 0 : 1);
    if (cost < bestCost) {
      best = { index, class: kind };
      bestCost = cost;
    }
  }
  return best;
}
