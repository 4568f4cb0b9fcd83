/** What bounds the values of one event. What a limit cuts off is named in the row's notes, with the limit. */
export interface CaptureLimits {
  /** How many pointers, slices, maps and interfaces are followed from a value, one behind the other. */
  readonly depth: number;
  /** Elements of a slice, entries (about) of a map. */
  readonly elements: number;
  /** Bytes of a string. */
  readonly stringBytes: number;
  /** Bytes of one event's record. */
  readonly eventBytes: number;
}

export type CaptureLimit = keyof CaptureLimits;

export const defaultLimits: CaptureLimits = { depth: 5, elements: 64, stringBytes: 512, eventBytes: 12_288 };

export const captureLimits: readonly CaptureLimit[] = ['depth', 'elements', 'stringBytes', 'eventBytes'];

/** The limits as people know them: `words` in notes, `directive` behind `#px:set`, `keyword` of `pxtrace.probe`, `option` of `px trace`; smallest and largest value. */
export const limitSettings: Readonly<
  Record<
    CaptureLimit,
    {
      readonly words: string;
      readonly directive: string;
      readonly keyword: string;
      readonly option: string;
      readonly least: number;
      readonly most: number;
    }
  >
> = {
  depth: { words: 'depth', directive: 'capture_depth', keyword: 'depth', option: '--depth', least: 1, most: 32 },
  elements: {
    words: 'elements',
    directive: 'capture_elements',
    keyword: 'elements',
    option: '--elements',
    least: 1,
    most: 4096,
  },
  stringBytes: {
    words: 'string bytes',
    directive: 'capture_string_bytes',
    keyword: 'string_bytes',
    option: '--string-bytes',
    least: 1,
    most: 16_384,
  },
  eventBytes: {
    words: 'event bytes',
    directive: 'capture_event_bytes',
    keyword: 'event_bytes',
    option: '--event-bytes',
    least: 4096,
    most: 65_536,
  },
};

/** References that are looked at in one event: bounds the program's running time. Grows with the room for what they lead to. */
export function mostReferences({ eventBytes }: CaptureLimits): number {
  return Math.max(512, Math.floor(eventBytes / 24));
}

/** `limit depth 5: --depth, depth= of the probe, #px:set capture_depth` */
export function limitText(limits: CaptureLimits, limit: CaptureLimit): string {
  const { words, directive, keyword, option } = limitSettings[limit];
  return `limit ${words} ${limits[limit]}: ${option}, ${keyword}= of the probe, #px:set ${directive}`;
}
