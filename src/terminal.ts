/** What a stream can show: a terminal has colours, a width, and a line that may be drawn anew. */
export interface Screen {
  readonly color: boolean;
  /** Columns of the terminal; 80 where there is none. */
  readonly width: number;
  /** Whether progress may be drawn on it: nobody reads it later. */
  readonly live: boolean;
  /** A text with the commands in it as its reader can run them. */
  readonly inWords: (text: string) => string;
}

type Env = Readonly<Record<string, string | undefined>>;
type Stream = Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>;

/** What `stream` can show. A terminal that is called `dumb` shows text; what a CI records is no terminal, whatever it says. */
export function screenOf(stream: Partial<Stream>, env: Env): Omit<Screen, 'inWords'> {
  const terminal = stream.isTTY === true && env['TERM'] !== 'dumb';
  return {
    color: terminal && !env['NO_COLOR'],
    width: (terminal && stream.columns) || 80,
    live: terminal && !env['CI'],
  };
}

const sgr = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33', cyan: '36' } as const;

/** `text` in a colour where `screen` shows colours, else as it is. */
export function paint(screen: Pick<Screen, 'color'>, style: keyof typeof sgr, text: string): string {
  return screen.color ? `\u001b[${sgr[style]}m${text}\u001b[0m` : text;
}

/** One line of a terminal that says how far something is. Elsewhere nothing is written. */
export interface Progress {
  /** Writes the line anew, cut to the width. */
  show(text: string): void;
  /** Takes the line away: before anything else is written, and at the end. */
  clear(): void;
}

/** The progress line of `screen`, written by `write`. */
export function progressOn(screen: Pick<Screen, 'live' | 'width'>, write: (text: string) => void): Progress {
  let shown = false;
  return {
    show(text) {
      if (!screen.live) return;
      shown = true;
      write(`\r${text.slice(0, screen.width - 1)}\u001b[K`);
    },
    clear() {
      if (shown) write('\r\u001b[K');
      shown = false;
    },
  };
}

/** `text` in lines that end at `width`, cut between words; all begin at `indent`, the first by what its caller puts before it. Words that are longer stay whole. */
export function wrapped(text: string, width: number, indent = 0): string {
  const lines = text.split('\n').flatMap((paragraph) => {
    const cut: string[] = [];
    for (const word of paragraph.split(' ')) {
      const last = cut.at(-1);
      if (last !== undefined && last.length + 1 + word.length <= width - indent)
        cut[cut.length - 1] = `${last} ${word}`;
      else cut.push(word);
    }
    return cut;
  });
  return lines.join(`\n${' '.repeat(indent)}`);
}

/** A command that a text ends with: what is to be copied. */
const command =
  /(?<=^|: |→ |\b(?:then|with|run) )(?:[A-Z_]+=\S+ )*(?:npx (?:--package=\S+ )*|sudo )?(?:sallyport|node \S*\/main\.js|make certs-mcp|openssl|chmod|mv|rm|cp|ln|npm)\b[^;\n]*$/;

/** As `wrapped`; a command at the end of `text` stays whole where a line of its own holds it, and is else continued as a shell has it. */
export function wrappedRemedy(
  remedy: string,
  { width, inWords }: Pick<Screen, 'width' | 'inWords'>,
  indent = 0,
): string {
  const text = inWords(remedy);
  const [words] = command.exec(text) ?? [];
  if (words === undefined) return wrapped(text, width, indent);
  const before = text.slice(0, text.length - words.length).trimEnd();
  const start = `\n${' '.repeat(indent)}`;
  const whole =
    words.length <= width - indent ? words : wrapped(words, width - 2, indent + 2).replaceAll('\n', ' \\\n');
  if (before === '') return whole;
  const prose = wrapped(before, width, indent);
  const last = prose.split('\n').at(-1) ?? '';
  const room = width - (prose.includes('\n') ? 0 : indent) - last.length - 1;
  return words.length <= room ? `${prose} ${words}` : `${prose}${start}${whole}`;
}

/** What a peer or a file says is printed, not obeyed: no control characters but line ends, none that turn the order of others around. */
export function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    '?',
  );
}
