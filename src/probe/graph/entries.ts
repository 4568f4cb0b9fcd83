/**
 * The types as the kernel's walker reads them: entries of `entryBytes`. A type has a header entry, then one for each reference in one of
 * its elements, then `end`. Entry 0 is an `end` of its own, with which the walk begins.
 */
export const entryBytes = 32;

/** Byte offsets in an entry. Of a header only `offset` counts: the bytes from one element to the next. */
export const entryField = {
  /** u8, one of `reference`. */
  kind: 0,
  /** u8: how much deeper its target is (0: a part of the same value, as a string's bytes). */
  deeper: 1,
  /** u8: bytes from `offset` on that must have been captured. */
  need: 2,
  /** u8: added to a count, subtracted from an exponent. */
  adjust: 3,
  /** u32: where in the element the pointer is. */
  offset: 4,
  /** u32: byte offset of the target type's header. */
  type: 8,
  /** u32: bytes of one target. */
  size: 12,
  /** u32: where in the element the count is (u64; for `power` a u8); for `node` a count itself. */
  count: 16,
  /** u32: most targets that are captured. */
  most: 20,
  /** u32 each: type and size of the one target where the count is 0 (`directory`), of an inner node (`node`). */
  otherType: 24,
  otherSize: 28,
} as const;

export const reference = {
  end: 0,
  /** A pointer to one target. */
  pointer: 1,
  /** A pointer to as many targets as the count says. */
  counted: 2,
  /** As many as 2 to the power of the count (buckets of a map up to Go 1.23). */
  power: 3,
  /** As `counted`, but where the count is 0 the pointer is to one target of another type (a map's directory from Go 1.24 on). */
  directory: 4,
  /** Type word or itab, then the data word. Where an `eface` has a `most`, it is a pointer to as many as the count says if it is one to `otherType`. */
  eface: 5,
  iface: 6,
  /** `size` bytes that are made zero. */
  redacted: 7,
  /** A pointer to what begins with the address of code: what there is of that code in the map of dynamic types is its target. */
  closure: 8,
  /**
   * A pointer to a node of a trie, whose first byte says which of two structs it is: an inner node (`otherType`), of which no more than
   * `most` are copied, or an entry, of which no more than `count` are: the contents of some are more use than all nodes of a large trie.
   */
  node: 9,
} as const;

/** An entry of the map of dynamic types: descriptor's address, or that of a closure's code → u32 type header, u32 size of what the data word points to. */
export const dynamicKeyBytes = 8;
export const dynamicValueBytes = 8;

/** What one entry says of a reference; what is not given is 0, `need` 8. */
export interface Reference {
  readonly kind: number;
  readonly offset: number;
  readonly deeper?: number;
  readonly need?: number;
  readonly adjust?: number;
  readonly type?: number;
  readonly size?: number;
  readonly count?: number;
  readonly most?: number;
  readonly otherType?: number;
  readonly otherSize?: number;
}
