/** The `sh` blocks (or those of another `language`) of a Markdown text, in order; only those between `<!-- test: name -->` and `<!-- test: end -->` if a name is given. */
export function shellBlocks(markdown: string, name?: string, language = 'sh'): string[] {
  let text = markdown;
  if (name !== undefined) {
    const start = markdown.indexOf(`<!-- test: ${name} -->`);
    const end = markdown.indexOf('<!-- test: end -->', start);
    if (start < 0 || end < 0)
      throw new Error(`the text has no part marked <!-- test: ${name} --> … <!-- test: end -->`);
    text = markdown.slice(start, end);
  }
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!);
}
