import { paint, type Screen } from '../terminal.js';
import type { ConsoleState } from './facts.js';
import { headOf, type Line, type ListName, listNames, listOf, tabOf } from './picture.js';

/** What somebody looks at in `sallyport top`. */
export interface View {
  readonly list: ListName;
  /** Lines that are above the first that is shown. */
  readonly scrolled: number;
  readonly filter: string;
  /** Whether what is typed goes into the filter. */
  readonly typing: boolean;
  readonly paused: boolean;
}

export const firstView: View = { list: 'decisions', scrolled: 0, filter: '', typing: false, paused: false };

/** What a key makes of a view; undefined where it ends it. `key`: as a terminal in raw mode sends it. */
export function viewAfter(view: View, key: string, page: number): View | undefined {
  if (key === '\u0003') return undefined;
  if (view.typing) {
    if (key === '\r' || key === '\n') return { ...view, typing: false };
    if (key === '\u001b') return { ...view, typing: false, filter: '' };
    if (key === '\u007f' || key === '\b') return { ...view, filter: view.filter.slice(0, -1), scrolled: 0 };
    // biome-ignore lint/suspicious/noControlCharactersInRegex: keys that write nothing
    if (/[\u0000-\u001f]/.test(key)) return view;
    return { ...view, filter: (view.filter + key).slice(0, 100), scrolled: 0 };
  }
  const at = listNames.indexOf(view.list);
  const turn = (by: number): View => {
    const list = listNames[(at + by + listNames.length) % listNames.length] as ListName;
    return { ...view, list, scrolled: 0 };
  };
  const scroll = (by: number): View => ({ ...view, scrolled: Math.max(0, view.scrolled + by) });
  switch (key) {
    case 'q':
      return undefined;
    case 'p':
    case ' ':
      return { ...view, paused: !view.paused };
    case '/':
      return { ...view, typing: true };
    case '\u001b':
      return { ...view, filter: '', scrolled: 0 };
    case '\t':
    case '\u001b[C':
    case 'l':
      return turn(1);
    case '\u001b[Z':
    case '\u001b[D':
    case 'h':
      return turn(-1);
    case '\u001b[A':
    case 'k':
      return scroll(-1);
    case '\u001b[B':
    case 'j':
      return scroll(1);
    case '\u001b[5~':
      return scroll(-page);
    case '\u001b[6~':
      return scroll(page);
    default: {
      const list = /^[1-9]$/.test(key) ? listNames[Number(key) - 1] : undefined;
      return list === undefined ? view : { ...view, list, scrolled: 0 };
    }
  }
}

/** Lines of a screen that no list has. */
export const otherLines = 7;

/** The whole screen: as many lines as it has, none wider than it is. */
export function screenText(
  state: ConsoleState,
  view: View,
  { width, height, color }: Pick<Screen, 'width' | 'color'> & { readonly height: number },
  notice = '',
): readonly string[] {
  const { list, filter, typing, paused } = view;
  const tabs = listNames.flatMap((name, i): [string, Parameters<typeof paint>[1]?][] => {
    const { count, level } = tabOf(state, name);
    const style = level === 'error' ? 'red' : level === 'warning' ? 'yellow' : undefined;
    const text = `${i + 1} ${name} ${count}`;
    return [name === list ? [`[${text}]`, 'bold'] : [` ${text} `, style ?? 'dim']];
  });
  const { head, rows } = listOf(state, list, filter);
  const above: Line[] = [...headOf(state, width), [['']], tabs, head];
  const keys = 'q quit  p pause  / filter  tab list  ↑↓ scroll';
  const foot: Line = typing
    ? [
        [`/${filter}`, 'bold'],
        ['  (enter: keep, esc: clear)', 'dim'],
      ]
    : [
        [notice, 'red'],
        [notice === '' ? '' : '  '],
        [paused ? 'paused  ' : '', 'yellow'],
        [filter === '' ? '' : `filter: ${filter}  `, 'cyan'],
        [keys, 'dim'],
      ];
  const room = Math.max(0, height - above.length - 1);
  const from = Math.min(view.scrolled, Math.max(0, rows.length - room));
  const body: Line[] = rows.slice(from, from + room);
  while (body.length < room) body.push([]);
  const lines: Line[] = [...above.slice(0, Math.max(0, height - 1)), ...body, foot];
  return lines.slice(-height).map((line) => lineText(line, width, color));
}

/** One picture of everything, for who reads it later. */
export function wholeText(state: ConsoleState, { width, color }: Pick<Screen, 'width' | 'color'>): string {
  const lists = listNames.flatMap((name): Line[] => {
    const { head, rows } = listOf(state, name);
    const { count } = tabOf(state, name);
    return [[['']], [[`${name} (${count})`, 'bold']], ...(rows.length > 0 ? [head, ...rows] : [])];
  });
  return [...headOf(state, width), ...lists]
    .map((line) => `${lineText(line, width, color).trimEnd()}\n`)
    .join('');
}

function lineText(line: Line, width: number, color: boolean): string {
  let left = width;
  let text = '';
  for (const [piece, style] of line) {
    const cut = [...piece].slice(0, left).join('');
    left -= [...cut].length;
    text += style === undefined || cut === '' ? cut : paint({ color }, style, cut);
  }
  return text;
}
