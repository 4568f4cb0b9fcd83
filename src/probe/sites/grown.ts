import { type Architecture, abiRegisters, type CodeShape, type DecodedCode } from '#gobin';
import type { Site } from '../types.ts';
import type { Intact } from './wants.ts';

/** RBX by its DWARF number. */
const rbx = 3;

/**
 * A call whose stack has to grow begins again. What the function needs of its arguments is saved and loaded again around that, what it never uses is lost: registers have
 * anything then. How such a call is told at the entry, if something that is wanted may be lost: by `runtime.gogo`, which goes on at `gobuf.pc` by way of RBX; where RBX is loaded again, by that word alone.
 */
export function grownTest(
  architecture: Architecture,
  code: DecodedCode,
  { check, resume }: CodeShape,
  intact: Intact,
): Site['grown'] {
  if (architecture !== 'amd64' || check < 0 || resume === undefined) return undefined;
  const abi = abiRegisters[architecture];
  const [first, last] = resume;
  const loaded = new Set<number>();
  for (let i = first; i < last; i++) for (const location of code.role(i).writes) loaded.add(location);
  const isWanted = (mask: number, bit: number) => (mask & (1 << bit)) !== 0;
  const isLost =
    abi.integers.some((register) => isWanted(intact.registers, register) && !loaded.has(register)) ||
    abi.floats.some((register) => isWanted(intact.floats, register - abi.firstFloat) && !loaded.has(register));
  if (!isLost) return undefined;
  return { pc: code.entry + code.offsets[first]!, inRbx: !loaded.has(rbx) };
}
