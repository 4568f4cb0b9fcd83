import type { Architecture } from '#gobin';
import type { Site } from '../types.ts';

/**
 * The test by which a probe on a conditional jump knows that the jump will not be taken; undefined where the condition cannot be told by
 * one mask (then another site must be found). x86: CF is bit 0, ZF bit 6 of `flags` (SDM 3.4.3); arm64: Z is bit 30, C bit 29 of `pstate`.
 */
export function notTaken(architecture: Architecture, bytes: Uint8Array): Site['notTaken'] {
  return architecture === 'amd64' ? notTakenX86(bytes) : notTakenArm64(bytes);
}

const carry = 1 << 0;
const zero = 1 << 6;

function notTakenX86(bytes: Uint8Array): Site['notTaken'] {
  const condition = bytes[0] === 0x0f ? bytes[1]! & 0xf : bytes[0]! & 0xf;
  switch (condition) {
    case 2: // jb: CF
      return { flagsMask: carry, takenWhenAnySet: true };
    case 3: // jae: not CF
      return { flagsMask: carry, takenWhenAnySet: false };
    case 6: // jbe: CF or ZF
      return { flagsMask: carry | zero, takenWhenAnySet: true };
    case 7: // ja
      return { flagsMask: carry | zero, takenWhenAnySet: false };
    default:
      return undefined;
  }
}

const armZero = 1 << 30;
const armCarry = 1 << 29;

function notTakenArm64(bytes: Uint8Array): Site['notTaken'] {
  // b.cond only: 01010100 imm19 0 cond
  if (bytes[3] !== 0x54) return undefined;
  switch (bytes[0]! & 0x1f) {
    case 2: // b.hs: C
      return { flagsMask: armCarry, takenWhenAnySet: true };
    case 3: // b.lo: not C
      return { flagsMask: armCarry, takenWhenAnySet: false };
    case 9: // b.ls: not C, or Z
      return { flagsMask: armCarry | armZero, takenWhenAnySet: true, flagsInverted: armCarry };
    case 8: // b.hi: C and not Z
      return { flagsMask: armCarry | armZero, takenWhenAnySet: false, flagsInverted: armCarry };
    default:
      return undefined;
  }
}
