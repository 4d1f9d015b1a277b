import { partsOf, plain } from './format.js';
import { html } from './html.js';
import { Component } from './preact.js';

/** @import { Children } from './html.js' */
/** @import { Mark, Verdict } from './states.js' */

/** @type {Readonly<Record<Mark | Verdict, string>>} */
const shapes = {
  ok: 'M6 1.500a4.500 4.500 0 1 0 0 9a4.500 4.500 0 0 0 0-9z',
  busy: 'M6 1.500a4.500 4.500 0 0 1 4.500 4.500h-2a2.500 2.500 0 0 0-2.500-2.500zM6 10.500a4.500 4.500 0 0 1-4.500-4.500h2a2.500 2.500 0 0 0 2.500 2.500z',
  off: 'M6 1.500a4.500 4.500 0 1 0 0 9a4.500 4.500 0 0 0 0-9zM6 3a3 3 0 1 1 0 6a3 3 0 0 1 0-6z',
  warning: 'M6 .8L11.500 10.800H.5zM5.400 4.300v3.200h1.200v-3.200zM5.400 8.300v1.200h1.200v-1.200z',
  error:
    'M2.700 1.300L6 4.600L9.300 1.300L10.700 2.700L7.400 6L10.700 9.300L9.300 10.700L6 7.400L2.700 10.700L1.300 9.300L4.600 6L1.300 2.700z',
  blocked: 'M3.700 .8h4.600L11.200 3.700v4.600L8.300 11.200h-4.600L.8 8.300v-4.600zM3 5.200v1.600h6v-1.600z',
  refused:
    'M6 1a5 5 0 1 0 0 10a5 5 0 0 0 0-10zM6 2.600a3.400 3.400 0 0 1 2 .65L3.250 8a3.400 3.400 0 0 1 2.750-5.400zM8.750 4L4 8.750A3.400 3.400 0 0 0 8.750 4z',
  failed:
    'M2.700 1.300L6 4.600L9.300 1.300L10.700 2.700L7.400 6L10.700 9.300L9.300 10.700L6 7.400L2.700 10.700L1.300 9.300L4.600 6L1.300 2.700z',
  modified: 'M8.200 1.200L10.800 3.800L4.200 10.400L1.200 10.800L1.600 7.800z',
  noted: 'M2.500 1h1.400v.6h6.100l-1.700 2.700l1.700 2.700h-6.100v4.200h-1.400z',
  asked:
    'M3 4.200a3 3 0 1 1 3.900 2.850v1.250h-1.800v-2.700h.9a1.300 1.300 0 1 0-1.300-1.400zM5 9.300h2v2h-2z',
  approved: 'M1.300 6.200l1.400-1.400l2.100 2.100l4.500-4.700l1.400 1.400l-5.900 6.200z',
  continue: 'M4 2.300L8.300 6L4 9.700L3 8.700L6.100 6L3 3.300z',
};

/** A state by its shape and its word; the colour only repeats them. @param {Mark | Verdict} kind @param {Children} word */
export const mark = (kind, word) =>
  html`<span class=${`mark ${kind}`}><svg viewBox="0 0 12 12" aria-hidden="true"><path fill-rule="evenodd" d=${shapes[kind]} /></svg>${word}</span>`;

/** Where a long name may be broken: between its words. */
const joints = /(?<=[a-z])(?=[A-Z])|(?<=[/_.:-])(?=\w)/;

/** @param {string} text */
const breakable = (text) => text.split(joints).map((word, i) => (i === 0 ? word : html`<wbr />${word}`));

/** Longer than this a name is cut, and a sentence; more of it is in its title. */
const longest = { name: 160, sentence: 1000 };

/**
 * A text from elsewhere: kept apart from what stands around it, whatever direction it is written in, and with what cannot be seen in
 * it said.
 * @param {string} text @param {number} [most]
 */
export function name(text, most = longest.name) {
  const cut = text.length > most;
  const parts = partsOf(cut ? text.slice(0, most) : text);
  return html`<bdi title=${cut ? plain(text, 1000) : undefined}>${parts.map((part) =>
    part.unseen ? html`<span class="unseen">${part.text}</span>` : breakable(part.text),
  )}${cut && '…'}</bdi>`;
}

/** As {@link name}, of more words. @param {string} text */
export const sentence = (text) => name(text, longest.sentence);

/** @param {string} text */
async function copy(text) {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  // Over plain HTTP from another machine a browser has no clipboard for pages, but still this.
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  area.className = 'hidden';
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  if (focused instanceof HTMLElement) focused.focus();
}

/**
 * @typedef {{ text: string, label: string, children?: Children }} CopyProps `label` is what is copied: "the command"
 * @extends {Component<CopyProps, { done: string }>}
 */
class CopyButton extends Component {
  /** @override */
  state = { done: '' };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  timer;

  /** @override */
  componentWillUnmount() {
    clearTimeout(this.timer);
  }

  copy = async () => {
    const done = await copy(this.props.text).then(
      () => 'Copied',
      () => 'Not copied',
    );
    this.setState({ done });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.setState({ done: '' }), 2000);
  };

  /** @override */
  render() {
    const { text, label, children } = this.props;
    const { done } = this.state;
    const what =
      children === undefined
        ? html`Copy<span class="hidden"> ${label}</span>`
        : html`<span class="hidden">Copy ${label} </span>${children}`;
    const title = `Copy ${plain(label, 80)}${children === undefined ? '' : ` ${plain(text, 80)}`}`;
    return html`<button type="button" class="copy" title=${title} onClick=${this.copy}>${done || what}</button>`;
  }
}

/** @param {string} text @param {string} label @param {Children} [children] */
export const copyButton = (text, label, children) =>
  html`<${CopyButton} key=${text} text=${text} label=${label}>${children}<//>`;

/** Something to type, with a button that copies it. @param {string} text @param {string} label */
export const command = (text, label) =>
  html`<span class="command"><code>${sentence(text)}</code>${copyButton(text, label)}</span>`;

/** What went wrong with a part, and what to do. @param {{ error?: string, remedy?: string, name: string }} part */
export const trouble = ({ error, remedy, name: of }) =>
  error === undefined && remedy === undefined
    ? null
    : html`<div class="trouble">
        ${error !== undefined && html`<p>${sentence(error)}</p>`}
        ${remedy !== undefined && command(remedy, `the remedy for ${plain(of, 40)}`)}
      </div>`;

/**
 * @template Row
 * @typedef {{ head: string, cell: (row: Row) => Children, number?: boolean, class?: string }} Column
 */

/**
 * A table that becomes a list of cards where it is narrow. The roles are said, because a browser forgets them once a table is laid out
 * as something else.
 * @template Row
 * @param {object} table
 * @param {string} table.caption
 * @param {readonly Column<Row>[]} table.columns the first names the row
 * @param {readonly Row[]} table.rows
 * @param {(row: Row) => string | number} table.key
 * @param {(row: Row) => Children} [table.below] what more there is to say of a row, over its whole width
 * @param {string} [table.class]
 */
export function table({ caption, columns, rows, key, below, class: kind = '' }) {
  return html`<table role="table" class=${kind}>
    <caption class="hidden">${caption}</caption>
    <thead role="rowgroup">
      <tr role="row">
        ${columns.map(
          (column) =>
            html`<th role="columnheader" scope="col" class=${classOf(column)} key=${column.head}>${column.head}</th>`,
        )}
      </tr>
    </thead>
    <tbody role="rowgroup">
      ${rows.map((row) => html`<${Row} key=${key(row)} row=${row} columns=${columns} below=${below} />`)}
    </tbody>
  </table>`;
}

/** @param {Column<any>} column */
const classOf = ({ number, class: kind = '' }) => `${number ? 'number' : ''} ${kind}`.trim() || undefined;

/**
 * Drawn anew only where its row or the columns are others.
 * @extends {Component<{ row: any, columns: readonly Column<any>[], below?: (row: any) => Children }>}
 */
class Row extends Component {
  /** @override @param {{ row: any, columns: readonly Column<any>[] }} next */
  shouldComponentUpdate(next) {
    return next.row !== this.props.row || next.columns !== this.props.columns;
  }

  /** @override */
  render() {
    const { row, columns, below } = this.props;
    const more = below?.(row);
    const first = html`<tr role="row">
      ${columns.map((column, i) =>
        i === 0
          ? html`<th role="rowheader" scope="row" class=${classOf(column)} data-head=${column.head}>${column.cell(row)}</th>`
          : html`<td role="cell" class=${classOf(column)} data-head=${column.head}>${column.cell(row)}</td>`,
      )}
    </tr>`;
    if (!more) return first;
    return [
      first,
      html`<tr role="row" class="below"><td role="cell" colspan=${columns.length} aria-colspan=${columns.length}>${more}</td></tr>`,
    ];
  }
}

/**
 * A part of the page with a heading of its own.
 * @param {object} section
 * @param {string} section.id
 * @param {string} section.title
 * @param {Children} [section.note] beside the heading
 * @param {Children} section.body
 */
export const section = ({ id, title, note, body }) =>
  html`<section id=${id} tabindex="-1" aria-labelledby=${`${id}-title`}>
    <header><h2 id=${`${id}-title`}>${title}</h2>${note !== undefined && html`<div class="note">${note}</div>`}</header>
    ${body}
  </section>`;

/** Where there is nothing yet: what to do. @param {string} what @param {Children} [todo] */
export const empty = (what, todo) => html`<div class="empty"><p>${what}</p>${todo}</div>`;
