export { controlOffset, wokenOffset } from '../emit/control.ts';
export { type DecoderOptions, type DecoderStats, EventDecoder } from './decoder.ts';
export { RowFolder } from './fold.ts';
export { GroupDecoder, type GroupEntry } from './groups.ts';
export type { RunningCall } from './running.ts';
export type { BinaryServices } from './target.ts';
export { escapeBytes, escapedNote } from './utf8.ts';
