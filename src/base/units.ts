/** Number types that must not mix. A brand exists at type-check time only. */
declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** Virtual address in a binary or a process. User-space addresses stay below 2^47 (amd64) or 2^52 (arm64), so a number holds them exactly. */
export type Address = Unit<'address'>;
/** Byte offset from the start of a file. */
export type FileOffset = Unit<'file offset'>;
/** Byte offset from the start of a (decompressed) section. */
export type SectionOffset = Unit<'section offset'>;

export const address = (value: number): Address => value as Address;
export const fileOffset = (value: number): FileOffset => value as FileOffset;
export const sectionOffset = (value: number): SectionOffset => value as SectionOffset;
