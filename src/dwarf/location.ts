import { ByteReader } from '#base';

/** Part of a value, in order: `size` undefined when the expression has no pieces (the whole value). Registers by DWARF number. */
export type LocationPiece =
  | { readonly kind: 'register'; readonly register: number; readonly size: number | undefined }
  /** `offset` bytes from the canonical frame address (on amd64 the address behind the return address). */
  | { readonly kind: 'frame'; readonly offset: number; readonly size: number | undefined }
  | { readonly kind: 'address'; readonly address: number; readonly size: number | undefined }
  /** An address by its index in the unit's part of `.debug_addr`. */
  | { readonly kind: 'indexed'; readonly index: number; readonly size: number | undefined }
  /** Optimised away. */
  | { readonly kind: 'none'; readonly size: number | undefined }
  /** An expression of another form. */
  | { readonly kind: 'other'; readonly size: number | undefined };

const op = {
  addr: 0x03,
  deref: 0x06,
  consts: 0x11,
  constu: 0x10,
  plus: 0x22,
  plusUconst: 0x23,
  lit0: 0x30,
  reg0: 0x50,
  breg0: 0x70,
  regx: 0x90,
  fbreg: 0x91,
  piece: 0x93,
  callFrameCfa: 0x9c,
  addrx: 0xa1,
} as const;

/**
 * The simple location descriptions (DWARF 5 § 2.6.1) that Go emits: registers, places on the frame (`DW_OP_fbreg`,
 * `DW_OP_call_frame_cfa` with constants; Go's frame base is always the CFA), addresses, and pieces of these.
 * Anything else is a piece of kind `other`. An empty expression gives no pieces. Never throws.
 */
export function parseLocation(expression: Uint8Array): LocationPiece[] {
  const pieces: LocationPiece[] = [];
  const reader = new ByteReader(expression);
  type Open =
    | { kind: 'register'; register: number }
    | { kind: 'frame'; offset: number }
    | { kind: 'address'; address: number }
    | { kind: 'indexed'; index: number };
  let current: Open | { kind: 'none' } | { kind: 'other' } = { kind: 'none' };
  let pending: number | undefined;
  try {
    while (reader.remaining > 0) {
      const code = reader.u8();
      if (code >= op.reg0 && code < op.reg0 + 32) current = { kind: 'register', register: code - op.reg0 };
      else if (code === op.regx) current = { kind: 'register', register: reader.uleb() };
      else if (code === op.fbreg) current = { kind: 'frame', offset: Number(reader.sleb()) };
      else if (code === op.callFrameCfa) current = { kind: 'frame', offset: 0 };
      else if (code === op.consts) pending = Number(reader.sleb());
      else if (code === op.constu) pending = reader.uleb();
      else if (code === op.plus && pending !== undefined && current.kind === 'frame') {
        current = { kind: 'frame', offset: current.offset + pending };
        pending = undefined;
      } else if (code === op.plusUconst && current.kind === 'frame') {
        current = { kind: 'frame', offset: current.offset + reader.uleb() };
      } else if (code === op.addr) current = { kind: 'address', address: Number(reader.u64() & 0xf_ffff_ffff_ffffn) };
      else if (code === op.addrx) current = { kind: 'indexed', index: reader.uleb() };
      else if (code === op.piece) {
        pieces.push({ ...current, size: reader.uleb() });
        current = { kind: 'none' };
      } else return [...pieces, { kind: 'other', size: undefined }];
    }
  } catch {
    return [...pieces, { kind: 'other', size: undefined }];
  }
  if (pending !== undefined) return [...pieces, { kind: 'other', size: undefined }];
  if (pieces.length === 0 && current.kind === 'none') return [];
  if (pieces.length === 0 || current.kind !== 'none') pieces.push({ ...current, size: undefined });
  return pieces;
}
