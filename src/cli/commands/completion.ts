import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { type ExitCode, exitCodes } from '../failure.ts';
import { bundledScripts } from '../run/library.ts';

/** One command as a shell needs it: the words before it, what may follow. */
interface Node {
  readonly path: string;
  readonly subcommands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly {
    readonly flags: readonly string[];
    readonly description: string;
    readonly choices: readonly string[];
  }[];
  readonly words: readonly string[];
}

export async function completion(context: Context, px: Command, shell: 'bash' | 'zsh' | 'fish'): Promise<ExitCode> {
  const nodes = tree(px, '');
  const text = shell === 'bash' ? bash(nodes) : shell === 'zsh' ? zsh(nodes) : fish(nodes);
  await context.out.write(text);
  return exitCodes.ok;
}

function tree(command: Command, path: string): Node[] {
  const help = command.createHelp();
  const node: Node = {
    path,
    subcommands: help
      .visibleCommands(command)
      .map((child) => ({ name: child.name(), description: child.summary() || child.description() })),
    options: help.visibleOptions(command).map((option) => ({
      flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
      description: option.description,
      choices: option.argChoices ?? [],
    })),
    words: path === 'run' ? bundledScripts() : (command.registeredArguments[0]?.argChoices ?? []),
  };
  return [node, ...command.commands.flatMap((child) => tree(child, `${path} ${child.name()}`.trim()))];
}

/** What may follow a command: subcommands, fixed words, options. */
function candidates(node: Node): string[] {
  return [
    ...node.subcommands.map((child) => child.name),
    ...node.words,
    ...node.options.flatMap((option) => option.flags),
  ];
}

function bash(nodes: readonly Node[]): string {
  const cases = nodes
    .map((node) => `    ${shellQuote(node.path)}) words=${shellQuote(candidates(node).join(' '))} ;;`)
    .join('\n');
  const known = nodes.filter((node) => node.path !== '').map((node) => shellQuote(node.path));
  return `# px completion for bash; made by \`px completion bash\`
_px() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} path= words= word i
  case $previous in
    -o|--output) COMPREPLY=($(compgen -W 'table json csv' -- "$current")); return ;;
    -f|--file) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "\${path:+$path }$word" in
      ${known.join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case $path in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _px px
`;
}

function zsh(nodes: readonly Node[]): string {
  const known = nodes.filter((node) => node.path !== '').map((node) => shellQuote(node.path));
  const cases = nodes
    .map((node) => {
      const words = [
        ...node.subcommands.map(({ name, description }) => described(name, description)),
        ...node.words.map((word) => described(word, '')),
        ...node.options.flatMap(({ flags, description }) => flags.map((flag) => described(flag, description))),
      ];
      return `    ${shellQuote(node.path)}) words=(${words.join(' ')}) ;;`;
    })
    .join('\n');
  return `#compdef px
# px completion for zsh; made by \`px completion zsh\`
_px() {
  local place= word
  local -a before words_
  before=("\${words[@]:1:$((CURRENT - 2))}")
  case \${words[CURRENT-1]} in
    -o|--output) compadd table json csv; return ;;
    -f|--file) _files; return ;;
  esac
  for word in $before; do
    case "\${place:+$place }$word" in
      ${known.join('|')}) place="\${place:+$place }$word" ;;
    esac
  done
  case $place in
${cases.replaceAll('words=(', 'words_=(')}
  esac
  _describe 'px' words_
}
if [ "$funcstack[1]" = _px ]; then _px "$@"; else compdef _px px; fi
`;

  function described(word: string, description: string): string {
    return shellQuote(`${word.replaceAll(':', '\\:')}${description === '' ? '' : `:${firstSentence(description)}`}`);
  }
}

function fish(nodes: readonly Node[]): string {
  const lines = ['# px completion for fish; made by `px completion fish`', 'complete -c px -f'];
  for (const node of nodes) {
    const path = node.path.split(' ').filter(Boolean);
    const children = node.subcommands.map((child) => child.name);
    const seen = path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const open = children.length === 0 ? [] : [`not __fish_seen_subcommand_from ${children.join(' ')}`];
    const condition = shellQuote([...seen, ...open].join('; and ') || 'true');
    for (const { name, description } of node.subcommands) {
      lines.push(`complete -c px -n ${condition} -a ${shellQuote(name)} -d ${shellQuote(firstSentence(description))}`);
    }
    for (const word of node.words) lines.push(`complete -c px -n ${condition} -a ${shellQuote(word)}`);
    for (const { flags, description, choices } of node.options) {
      const names = flags
        .map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`))
        .join(' ');
      const values =
        choices.length > 0 ? ` -x -a ${shellQuote(choices.join(' '))}` : flags.includes('--file') ? ' -r -F' : '';
      lines.push(`complete -c px -n ${condition} ${names}${values} -d ${shellQuote(firstSentence(description))}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function firstSentence(text: string): string {
  return text.split(/[.:;]/)[0]!.trim();
}

function shellQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
