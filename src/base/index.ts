export { type Diagnostic, excerpt, placed, type Span } from './diagnostic.ts';
export { formatDuration, parseDuration } from './duration.ts';
export { BugError, SondeError } from './error.ts';
export { escapeControls, escapeJson, escapeLines, jsonString } from './escape.ts';
export { floatBits, floatOfBits } from './float-bits.ts';
export { nearest } from './nearest.ts';
export { ByteReader, decodeUtf8, EndOfInput, NumberTooLarge } from './reader.ts';
export {
  agentSettings,
  BadSetting,
  durationSetting,
  flagSetting,
  formatAgentSettings,
  parseAgentSettings,
  shareSetting,
} from './setting.ts';
export { encodeUtf8 } from './text.ts';
export { type Address, address, type FileOffset, fileOffset, type SectionOffset, sectionOffset } from './units.ts';
