/** A line of the source. */
export interface SourcePlace {
  /** Any suffix of its file's path. */
  readonly file: string;
  readonly line: number;
}

const linePlace = /^(?<file>.+\.(?:go|s)):(?<line>\d+)$/;

/** What a probe's place says, if it is a line: `server.go:120`, `pkg/server.go:120`. */
export function linePlaceOf(place: string): SourcePlace | undefined {
  const { file, line } = linePlace.exec(place)?.groups ?? {};
  return file === undefined ? undefined : { file, line: Number(line) };
}

/** Is it meant to be a line, but has no number, or more than that? No function is called `go`. */
export function isNearlyLine(place: string): boolean {
  if (place.startsWith('re:') || linePlaceOf(place) !== undefined) return false;
  return /\.go$/.test(place) || /\.(?:go|s):[^/]*$/.test(place);
}
