/** What the programs keep where. r6: context (`pt_regs`), r7: the record, r8 and r9: at hand. Offsets from the frame pointer. */
export const frame = {
  g: -8,
  goid: -16,
  /** At a return that adds calls up, where the goid is of no use any more. */
  latency: -16,
  depth: -24,
  flags: -32,
  /** 16 bytes for what a helper reads. */
  scratch: -48,
  ktime: -56,
  /** 0: the float registers are saved; else a status of `floatStatus`, and above its 8 bits the CPU. */
  floatFault: -64,
  /** Where the kernel has saved XMM0; 0: all of them are zero. */
  floatArea: -72,
  /** The probe's number, where the attach cookie tells it. */
  probe: -80,
  /** The call's dictionary, in programs of one probe. */
  dictionary: -80,
  /** 64 bytes of a text that is compared. */
  text: -144,
  /** The first of the words of computations under way; the others are below it. */
  temps: -152,
  /** 16 bytes: the key of the call in the map of open calls. */
  call: -96,
  /** Of programs that wait for pages, in the place of what those with floats have: what could not be read first, and its bytes. */
  fault: -64,
  faultBytes: -72,
  /** What is being read, and its bytes; how often the event was captured; the context. */
  attempt: -512,
  attemptBytes: -504,
  rounds: -496,
  context: -488,
  /** Where calls are added up, and the time is of no use any more: the key that is being built, while r7 is an entry of the map of stacks. */
  key: -56,
  /** The same, when the key is built: 16 bytes for what is added to (in the place of `call`), and 16 for the addition (in that of `scratch`). */
  sum: -96,
  /** What is built on the stack for a key lies below. */
  keys: -96,
} as const;

/**
 * Names of the maps that the programs of a tracepoint use: `kicks` (CPU → ring of its kicker) only those that want float registers, the last
 * two only where they walk over objects.
 */
export const mapNames = {
  ring: 'ring',
  control: 'control',
  kicks: 'kicks',
  types: 'types',
  dynamic: 'dynamic',
  /** Calls that were kept and have not returned: `callKey` → `openCall`. */
  open: 'open',
  /** One map: the groups that calls are added up in now. */
  groups: 'groups',
  /** Number of a stack → its frames, where stacks are parts of keys; and what an entry of it begins with. */
  stacks: 'stacks',
  noStack: 'no_stack',
  /** How many calls were seen and kept, a `selectionState` for each probe as it was written. */
  selection: 'selection',
} as const;

/** Bytes of the ring of a tracepoint with few and small events. */
export const smallestRing = 1 << 20;
/** The same where many processes share what rings may take. */
export const leastRing = 1 << 16;
