import { count, duration, rate, timeOfPlot } from './format.js';
import { html } from './html.js';
import { empty, section, table } from './parts.js';
import { Plot } from './plot.js';
import { hourOf, rowsOf, wordsOf } from './traffic.js';

/** @import { TrafficFacts } from '../facts.js' */
/** @import { Column } from './parts.js' */
/** @import { PlotProps } from './plot.js' */

/** @type {readonly Column<ReturnType<typeof rowsOf>[number]>[]} */
const columns = [
  { head: 'From', cell: ({ start }) => timeOfPlot(start * 1000) },
  { head: 'Requests/s', number: true, cell: (row) => rate(row.rate) },
  { head: 'p50', number: true, cell: (row) => duration(row.p50) },
  { head: 'p99', number: true, cell: (row) => duration(row.p99) },
  { head: 'Refused', number: true, cell: (row) => count(row.refused) },
  { head: 'Failed', number: true, cell: (row) => count(row.failed) },
];

/** The same traffic gives the same hour, so that plots are drawn where there is something new. @type {WeakMap<TrafficFacts, ReturnType<typeof hourOf>>} */
const hours = new WeakMap();

/** @param {PlotProps} props */
const plot = (props) => html`<${Plot} key=${props.title} ...${props} />`;

/** The last hour. @param {{ traffic: TrafficFacts, at: string }} facts @param {string} scheme @param {boolean} open whether the values are shown @param {(open: boolean) => void} onOpen */
export function trafficPlots({ traffic, at }, scheme, open, onOpen) {
  const hour = hours.get(traffic) ?? hourOf(traffic, at);
  hours.set(traffic, hour);
  const { times } = hour;
  const words = wordsOf(hour);
  return section({
    id: 'traffic',
    title: 'Traffic',
    note: 'the last hour',
    body:
      times.length === 0
        ? empty('Nothing measured yet: the first ten seconds are not over.')
        : html`
            <div class="plots">
              ${plot({
                title: 'Requests per second',
                words: words.rates,
                times,
                scheme,
                show: rate,
                least: 1,
                lines: [{ label: 'requests', ink: 'first', values: hour.rates, filled: true }],
              })}
              ${plot({
                title: 'Latency',
                words: words.latency,
                times,
                scheme,
                show: duration,
                least: 10,
                lines: [
                  { label: 'p50', ink: 'first', values: hour.p50 },
                  { label: 'p99', ink: 'second', values: hour.p99 },
                ],
              })}
              ${plot({
                title: 'Refused and failed',
                words: words.refusals,
                times,
                scheme,
                show: (n) => (n == null ? '–' : count(n)),
                least: 4,
                lines: [
                  { label: 'refused', ink: 'second', values: hour.refused, filled: true, stepped: true },
                  { label: 'failed', ink: 'first', values: hour.failed, dashed: true, stepped: true },
                ],
              })}
            </div>
            <details
              open=${open}
              onToggle=${(/** @type {{ currentTarget: HTMLDetailsElement }} */ e) => onOpen(e.currentTarget.open)}
            >
              <summary>As a table, by five minutes</summary>
              ${open && table({ caption: 'Traffic of the last hour, by five minutes', columns, rows: rowsOf(hour), key: ({ start }) => start })}
            </details>
          `,
  });
}
