import { Argument, Command } from 'commander';
import type { CommandIo } from './io.js';

/** A command as a shell completes it. */
interface Completed {
  /** The words that lead to it: `certs renew`; empty for the program itself. */
  readonly path: readonly string[];
  readonly commands: readonly { readonly name: string; readonly summary: string }[];
  readonly options: readonly {
    readonly long: string;
    readonly summary: string;
    readonly takesValue: boolean;
    readonly choices: readonly string[];
  }[];
  /** What its first argument may be, where that is one of a few words. */
  readonly words: readonly string[];
}

const shells = { bash, zsh, fish } as const;

/** `sallyport completion`: a script that a shell loads, made from the commands as they are. */
export function completionCommand(io: CommandIo, program: () => Promise<Command>): Command {
  return new Command('completion')
    .description('print the script by which a shell completes commands and options')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(shells)))
    .addHelpText('after', `\n${help}`)
    .action(async (shell: keyof typeof shells) => io.data(shells[shell](flattened(await program()))));
}

const help = `Examples:
  source <(sallyport completion bash)                                          in ~/.bashrc
  source <(sallyport completion zsh)                                           in ~/.zshrc, after compinit
  sallyport completion fish > ~/.config/fish/completions/sallyport.fish`;

function flattened(command: Command, path: readonly string[] = []): readonly Completed[] {
  const { options, commands } = command;
  const helpOption = { long: '--help', summary: 'print this help', takesValue: false, choices: [] };
  const one: Completed = {
    path,
    commands: commands.map((sub) => ({ name: sub.name(), summary: sub.description() })),
    options: [
      ...options.map(({ long, description, required, optional, argChoices }) => ({
        long: long ?? '',
        summary: description,
        takesValue: required || optional,
        choices: argChoices ?? [],
      })),
      helpOption,
    ],
    words: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [one, ...commands.flatMap((sub) => flattened(sub, [...path, sub.name()]))];
}

/** Where a command line is, as one word for `case`: `/certs/renew`. */
const placeOf = ({ path }: Completed) => path.map((word) => `/${word}`).join('');

/** Options of one command, grouped by what may follow them. */
const valued = (one: Completed) => one.options.filter(({ takesValue }) => takesValue);

function bash(all: readonly Completed[]): string {
  const places = all.slice(1).map(placeOf).join('|');
  const cases = all.flatMap((one) => [
    `    '${placeOf(one)}')`,
    '      case "$before" in',
    ...valued(one).map(({ long, choices }) => `        ${long}) words='${choices.join(' ')}' ;;`),
    `        *) words='${[...one.commands.map(({ name }) => name), ...one.words, ...one.options.map(({ long }) => long)].join(' ')}' ;;`,
    '      esac ;;',
  ]);
  return `# bash completion for sallyport: source <(sallyport completion bash)
_sallyport() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} place='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$place/$word" in
      ${places}) place=$place/$word ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _sallyport sallyport
`;
}

function zsh(all: readonly Completed[]): string {
  const places = all.slice(1).map(placeOf).join('|');
  const described = (name: string, summary: string) => quoted(`${name}:${summary.replaceAll(':', '\\:')}`);
  const cases = all.flatMap((one) => [
    `    '${placeOf(one)}')`,
    '      case "$before" in',
    ...valued(one).map(({ long, choices }) => {
      return `        ${long}) ${choices.length > 0 ? `compadd -- ${choices.join(' ')}` : '_files'}; return ;;`;
    }),
    '      esac',
    `      these=(${[...one.commands.map(({ name, summary }) => described(name, summary)), ...one.words.map(quoted)].join(' ')})`,
    `      flags=(${one.options.map(({ long, summary }) => described(long, summary)).join(' ')}) ;;`,
  ]);
  return `#compdef sallyport
# zsh completion for sallyport: source <(sallyport completion zsh)
_sallyport() {
  local place='' word before=\${words[CURRENT-1]}
  local -a these flags
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$place/$word" in
      ${places}) place=$place/$word ;;
    esac
  done
  case "$place" in
${cases.join('\n')}
  esac
  if [[ $PREFIX == -* ]]; then _describe option flags
  elif (( $#these )); then _describe command these
  else _files; fi
}
compdef _sallyport sallyport
`;
}

function fish(all: readonly Completed[]): string {
  const lines = all.flatMap((one) => {
    const at = `complete -c sallyport -n ${quoted(`test (__sallyport_place) = "${placeOf(one)}"`)}`;
    return [
      ...(one.commands.length > 0 ? [`${at} -f`] : []),
      ...one.commands.map(({ name, summary }) => `${at} -a ${name} -d ${quoted(summary)}`),
      ...one.words.map((word) => `${at} -f -a ${word}`),
      ...one.options.map(({ long, summary, takesValue, choices }) => {
        const value = takesValue ? (choices.length > 0 ? ` -x -a '${choices.join(' ')}'` : ' -r') : '';
        return `${at} -l ${long.slice(2)}${value} -d ${quoted(summary)}`;
      }),
    ];
  });
  const places = all.slice(1).map(placeOf).join(' ');
  return `# fish completion for sallyport
function __sallyport_place
  set -l place ''
  for word in (commandline -opc)[2..]
    contains -- "$place/$word" ${places}; and set place "$place/$word"
  end
  echo "$place"
end
${lines.join('\n')}
`;
}

/** As one word of a shell; an apostrophe ends the quotes, stands by itself, and begins them anew. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
