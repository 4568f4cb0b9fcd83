import { type Architecture, abiRegisters, type Place } from '#gobin';

/** What must still be as it was at the call when the entry site is reached. SP and `g` always must. */
export interface Intact {
  /** Bit n: integer register n by DWARF number. */
  readonly registers: number;
  /** Bit n: float register n (XMMn, Vn). */
  readonly floats: number;
  /** Memory: stack arguments, and whatever pointers are followed. */
  readonly memory: boolean;
}

/** Every register that can hold an argument, the closure context, and memory: for when it is not known what will be read. */
export function allIntact(architecture: Architecture): Intact {
  const abi = abiRegisters[architecture];
  return {
    registers: mask([...abi.integers, abi.closure]),
    floats: mask(abi.floats.map((register) => register - abi.firstFloat)),
    memory: true,
  };
}

/** What the arguments in `places` need. `followsPointers`: something they point to is read too. */
export function intactFor(
  architecture: Architecture,
  places: Iterable<readonly Place[]>,
  followsPointers: boolean,
): Intact {
  let registers = 0;
  let floats = 0;
  let memory = followsPointers;
  for (const list of places) {
    for (const place of list) {
      if (place.kind === 'register') registers |= 1 << place.register;
      else if (place.kind === 'float-register') floats |= 1 << (place.register - abiRegisters[architecture].firstFloat);
      else memory = true;
    }
  }
  return { registers: registers >>> 0, floats: floats >>> 0, memory };
}

/** Also what leads to the callers' frames: the frame pointer and, where a call leaves it in a register, the return address. */
export function withCallers(architecture: Architecture, intact: Intact): Intact {
  const { framePointer, link } = abiRegisters[architecture];
  const registers = intact.registers | mask(link === undefined ? [framePointer] : [framePointer, link]);
  return { ...intact, registers: registers >>> 0 };
}

/**
 * `intact` and what every probe needs: SP for the frame address and, unless `g` is known to be loaded later (assembly promises nothing; at
 * a stack check the code itself has just used it), the `g` register.
 */
export function alwaysIntact(architecture: Architecture, intact: Intact, gAnyway: boolean): Intact {
  const abi = abiRegisters[architecture];
  const needed = mask(gAnyway ? [abi.stackPointer] : [abi.stackPointer, abi.g]);
  return { ...intact, registers: (intact.registers | needed) >>> 0 };
}

function mask(bits: readonly number[]): number {
  return bits.reduce((all, bit) => (all | (1 << bit)) >>> 0, 0);
}
