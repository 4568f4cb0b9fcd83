/** What the programs keep where. r6: context (`pt_regs`), r7: the record, r8 and r9: at hand. Offsets from the frame pointer. */
export const frame = {
  g: -8,
  goid: -16,
  depth: -24,
  flags: -32,
  /** 16 bytes for what a helper reads. */
  scratch: -48,
  ktime: -56,
} as const;

/** Names of the maps that the programs of a tracepoint use: the last two where they walk over objects. */
export const mapNames = { ring: 'ring', control: 'control', types: 'types', dynamic: 'dynamic' } as const;
