/**
 * The candidates nearest to a misspelt name, best first: same name in another case, then a shared last component
 * (`computeE` for `main.computeE`), of those the ones with small edit distance first, then small edit distance.
 */
export function nearest(name: string, candidates: Iterable<string>, most = 3): string[] {
  const wanted = name.toLowerCase();
  const wantedTail = tail(wanted);
  const limit = Math.min(mostEdits, Math.max(1, Math.floor(wanted.length / 3)));
  const letters = countLetters(wanted);
  const scored: { candidate: string; score: number }[] = [];
  for (const candidate of candidates) {
    const lower = candidate.toLowerCase();
    let score: number;
    if (lower === wanted) score = 0;
    else if (tail(lower) === wantedTail)
      score = Math.min(editDistance(wanted, lower, limit), limit + 1) / (2 * limit + 2);
    else {
      if (Math.abs(lower.length - wanted.length) > limit || lettersApart(letters, lower) > 2 * limit) continue;
      score = editDistance(wanted, lower, limit);
      if (score > limit) continue;
    }
    scored.push({ candidate, score });
  }
  scored.sort(
    (a, b) => a.score - b.score || a.candidate.length - b.candidate.length || (a.candidate < b.candidate ? -1 : 1),
  );
  return scored.slice(0, most).map((entry) => entry.candidate);
}

/** More changes than this are no typing mistake, however long the name. */
const mostEdits = 6;

/** The last component, with the one before it where the compiler numbered it: `Serve.func1.2` of `http.Serve.func1.2`. */
function tail(name: string): string {
  let dot = name.lastIndexOf('.');
  while (dot > 0 && /^\.(?:(?:func|gowrap|deferwrap|init)?\d+)(?:\.|$)/.test(name.slice(dot)))
    dot = name.lastIndexOf('.', dot - 1);
  return name.slice(dot + 1);
}

const scratch = new Int16Array(64);

function countLetters(text: string): Int16Array {
  const counts = new Int16Array(64);
  for (let i = 0; i < text.length; i++) counts[text.charCodeAt(i) & 63]!++;
  return counts;
}

/** How many letters two texts do not share: at most twice their edit distance, and far quicker to tell. */
function lettersApart(letters: Int16Array, text: string): number {
  scratch.set(letters);
  for (let i = 0; i < text.length; i++) scratch[text.charCodeAt(i) & 63]!--;
  let apart = 0;
  for (let i = 0; i < 64; i++) apart += Math.abs(scratch[i]!);
  return apart;
}

/**
 * Changes between two texts: a letter more, less or another, or two neighbours the wrong way round (`tial`); gives up with `limit + 1`. Only the cells within
 * `limit` of the diagonal can matter.
 */
function editDistance(a: string, b: string, limit: number): number {
  const above = limit + 1;
  let before = new Uint16Array(b.length + 2).fill(above);
  let previous = new Uint16Array(b.length + 2).fill(above);
  let row = new Uint16Array(b.length + 2).fill(above);
  for (let j = 0; j <= Math.min(b.length, limit); j++) previous[j] = j;
  let bestBefore = 0;
  for (let i = 1; i <= a.length; i++) {
    const from = Math.max(1, i - limit);
    const to = Math.min(b.length, i + limit);
    row[from - 1] = from === 1 ? Math.min(i, above) : above;
    let best = row[from - 1]!;
    for (let j = from; j <= to; j++) {
      const [mine, theirs] = [a.charCodeAt(i - 1), b.charCodeAt(j - 1)];
      let value = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (mine === theirs ? 0 : 1), above);
      const swapped = i > 1 && j > 1 && mine === b.charCodeAt(j - 2) && theirs === a.charCodeAt(i - 2);
      if (swapped) value = Math.min(value, before[j - 2]! + 1);
      row[j] = value;
      if (value < best) best = value;
    }
    row[to + 1] = above;
    if (best > limit && bestBefore > limit) return above;
    bestBefore = best;
    [before, previous, row] = [previous, row, before];
  }
  return previous[b.length]!;
}
