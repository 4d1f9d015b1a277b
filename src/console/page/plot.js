/// <reference types="uplot" />
import { timeOfPlot } from './format.js';
import { html } from './html.js';
import { Component } from './preact.js';
import { newest } from './traffic.js';

/** @import { Values } from './traffic.js' */

/**
 * @typedef {{ label: string, ink: 'first' | 'second', values: Values, dashed?: boolean, filled?: boolean, stepped?: boolean }} Line
 * @typedef {object} PlotProps
 * @property {string} title
 * @property {string} words what it shows, for those who do not see it
 * @property {number[]} times in seconds
 * @property {Line[]} lines
 * @property {(value: number | null | undefined) => string} show a value with its unit
 * @property {number} least the axis reaches at least so far
 * @property {string} scheme where it changes, everything is drawn in other colours
 */

const height = 132;
const font = '11px system-ui, sans-serif';

/**
 * One plot of the last hour. Under the pointer the three show the same moment.
 * @extends {Component<PlotProps, { at: number | null }>}
 */
export class Plot extends Component {
  /** @override */
  state = { at: /** @type {number | null} */ (null) };
  /** @type {HTMLElement | null} */
  box = null;
  /** @type {HTMLElement | null} */
  keys = null;
  /** @type {uPlot | undefined} */
  plot;
  resized = new ResizeObserver(() => {
    if (this.box) this.plot?.setSize({ width: this.box.clientWidth, height });
  });

  /** @override */
  componentDidMount() {
    this.build();
    if (this.box) this.resized.observe(this.box);
  }

  /** @override @param {PlotProps} before */
  componentDidUpdate(before) {
    if (before.scheme !== this.props.scheme) this.build();
    else if (before.times !== this.props.times) this.plot?.setData(this.data());
  }

  /** @override */
  componentWillUnmount() {
    this.resized.disconnect();
    this.plot?.destroy();
  }

  /** @returns {uPlot.AlignedData} */
  data() {
    return [this.props.times, ...this.props.lines.map(({ values }) => values)];
  }

  build() {
    const { box, keys } = this;
    if (!box || !keys) return;
    this.plot?.destroy();
    const { lines, show, least } = this.props;
    const { color: soft, borderTopColor: rule } = getComputedStyle(box);
    const inks = [...keys.querySelectorAll('i')].map((key) => getComputedStyle(key).color);
    const grid = { stroke: rule, width: 1 };
    const ticks = { show: false };
    this.plot = new uPlot(
      {
        width: box.clientWidth,
        height,
        padding: [8, 18, 0, 0],
        legend: { show: false },
        cursor: { sync: { key: 'traffic' }, drag: { x: false, y: false }, y: false, points: { size: 6 } },
        hooks: { setCursor: [({ cursor }) => this.setState({ at: cursor.idx ?? null })] },
        scales: {
          x: { range: (_, from, to) => [Math.max(to - 3600, Math.min(from ?? to, to - 300)), to] },
          y: { range: (_, __, most) => [0, Math.max(least, (most ?? 0) * 1.08)] },
        },
        axes: [
          {
            stroke: soft,
            grid: { show: false },
            ticks,
            font,
            size: 22,
            space: 64,
            values: (_, at) => at.map((seconds) => timeOfPlot(seconds * 1000)),
          },
          {
            stroke: soft,
            grid,
            ticks,
            font,
            size: 52,
            gap: 6,
            space: 36,
            values: (_, at) => at.map((value) => show(value)),
          },
        ],
        series: [
          {},
          ...lines.map((line, i) => {
            const ink = inks[i] ?? soft;
            return {
              stroke: ink,
              width: 1.5,
              points: { size: 4, fill: ink, filter: alone },
              ...(line.dashed && { dash: [4, 3] }),
              ...(line.filled && { fill: ink.replace('rgb(', 'rgba(').replace(')', ', 0.14)') }),
              ...(line.stepped && uPlot.paths.stepped && { paths: uPlot.paths.stepped({ align: 1 }) }),
            };
          }),
        ],
      },
      this.data(),
      box,
    );
  }

  /** @override */
  render() {
    const { title, words, times, lines, show } = this.props;
    const { at } = this.state;
    const moment = at === null ? undefined : times[at];
    const when = moment === undefined ? 'now' : timeOfPlot(moment * 1000);
    const shown = (/** @type {Line} */ { values }) => show(at === null ? newest(values) : values[at]);
    return html`<figure class="plot">
      <figcaption>
        <h3>${title}</h3>
        <p class="keys" aria-hidden="true" ref=${(/** @type {HTMLElement | null} */ e) => (this.keys = e)}>
          ${lines.map(
            (line) =>
              html`<span><i class=${`${line.ink} ${line.dashed ? 'dashed' : ''}`}></i>${line.label}${' '}<b>${shown(line)}</b></span>`,
          )}
          <span class="when">${when}</span>
        </p>
      </figcaption>
      <div class="drawn" role="img" aria-label=${`${title}. ${words}`} ref=${(/** @type {HTMLElement | null} */ e) => (this.box = e)}></div>
    </figure>`;
  }
}

/**
 * The places of values without a neighbour: as a line they would not be seen.
 * @param {uPlot} plot @param {number} series
 * @returns {number[]}
 */
function alone(plot, series) {
  const values = plot.data[series] ?? [];
  /** @type {number[]} */
  const found = [];
  for (let i = 0; i < values.length; i += 1)
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) found.push(i);
  return found;
}
