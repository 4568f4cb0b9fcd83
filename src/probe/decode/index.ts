export { type DecoderOptions, type DecoderStats, EventDecoder, type RunningCall } from './decoder.ts';
export { escapeBytes, escapedNote } from './utf8.ts';
