import { drawn, isFiltering, keyOf, matching, noFilter } from './decisions.js';
import { count, duration, time } from './format.js';
import { html } from './html.js';
import { copyButton, empty, mark, name, section, sentence, table } from './parts.js';
import { verdicts } from './states.js';

/** @import { Decision } from '../facts.js' */
/** @import { DecisionLog, Filter } from './decisions.js' */
/** @import { Column } from './parts.js' */

/** @type {readonly Column<Decision>[]} */
const columns = [
  { head: 'Time', class: 'time', cell: ({ at }) => html`<time datetime=${at}>${time(at)}</time>` },
  { head: 'Verdict', class: 'verdict', cell: ({ verdict }) => mark(verdict, verdict) },
  {
    head: 'Who',
    class: 'who',
    cell: ({ user, client }) =>
      html`${user === null ? html`<small>not named</small>` : name(user)}${client !== undefined && html` <small>${name(client)}</small>`}`,
  },
  {
    head: 'What',
    class: 'what',
    cell: ({ method, target }) =>
      html`${target !== undefined && name(target)} <small>${name(method)}</small>`,
  },
  {
    head: 'Plugin',
    class: 'plugin',
    cell: ({ plugin, hook }) => html`${plugin !== '' && name(plugin)} <small>${name(hook)}</small>`,
  },
  {
    head: 'Reason',
    class: 'reason',
    cell: ({ reason }) => (reason === undefined ? html`<small>–</small>` : sentence(reason)),
  },
  { head: 'Took', number: true, class: 'took', cell: ({ tookMs }) => duration(tookMs) },
  {
    head: 'Trace',
    class: 'trace',
    cell: ({ traceId, requestId }) =>
      traceId !== undefined
        ? copyButton(traceId, 'the trace id', html`<code>${name(traceId.slice(0, 8))}</code>`)
        : requestId !== undefined
          ? copyButton(
              requestId,
              'the request id',
              html`<code>${name(requestId.slice(0, 8))}</code> <small>request</small>`,
            )
          : html`<small>none</small>`,
  },
];

/**
 * @typedef {object} StreamActions
 * @property {(filter: Filter) => void} setFilter
 * @property {() => void} togglePause
 */

/** @param {DecisionLog} log @param {Filter} filter @param {StreamActions} actions */
export function streamSection(log, filter, { setFilter, togglePause }) {
  const found = log.shown.filter(matching(filter));
  const plugins = [...new Set(log.shown.map(({ plugin }) => plugin))].sort();
  const waiting = log.held.length + log.missed;
  return section({
    id: 'decisions',
    title: 'Decisions',
    note: html`<span>${isFiltering(filter) ? `${count(found.length)} of ${count(log.shown.length)} kept here` : log.shown.length > 0 && `the newest ${count(log.shown.length)}`}</span>`,
    body: html`
      <div class="tools" role="group" aria-label="What is shown of the decisions">
        <button type="button" class="pause" aria-pressed=${log.paused} onClick=${togglePause}>
          ${log.paused ? `Go on${waiting > 0 ? ` (${count(waiting)} new)` : ''}` : 'Pause'}
        </button>
        <label>
          <span class="hidden">Search the decisions</span>
          <input
            type="search"
            id="search"
            placeholder="Search: user, tool, reason, trace id"
            value=${filter.words}
            spellcheck=${false}
            autocomplete="off"
            onInput=${(/** @type {{ currentTarget: HTMLInputElement }} */ e) => setFilter({ ...filter, words: e.currentTarget.value })}
          />
        </label>
        <label>
          <span class="hidden">Plugin</span>
          <select
            value=${filter.plugin}
            onChange=${(/** @type {{ currentTarget: HTMLSelectElement }} */ e) => setFilter({ ...filter, plugin: e.currentTarget.value })}
          >
            <option value="">Every plugin</option>
            ${plugins.map((plugin) => html`<option value=${plugin} key=${plugin}>${plugin.slice(0, 60)}</option>`)}
          </select>
        </label>
        <div class="chips" role="group" aria-label="Verdicts">
          ${verdicts.map((verdict) => {
            const on = filter.verdicts.includes(verdict);
            const next = on
              ? filter.verdicts.filter((one) => one !== verdict)
              : [...filter.verdicts, verdict];
            return html`<button
              type="button"
              key=${verdict}
              aria-pressed=${on}
              onClick=${() => setFilter({ ...filter, verdicts: next })}
            >
              ${mark(verdict, verdict)}
            </button>`;
          })}
        </div>
        ${isFiltering(filter) && html`<button type="button" class="clear" onClick=${() => setFilter(noFilter)}>Show all</button>`}
      </div>
      ${
        log.shown.length === 0
          ? empty('No decision yet. What plugins decide on a call stands here, within a second.')
          : found.length === 0
            ? empty('None of those kept here is like that. New ones that are will come up by themselves.')
            : html`<a class="past" href="#after-decisions">Skip the decisions</a>
                <div class="scroll" tabindex="0" role="region" aria-label="Decisions, the newest first">
                  ${table({ caption: 'Decisions, the newest first', columns, rows: found.slice(0, drawn), key: keyOf, class: 'stream' })}
                </div>
                ${found.length > drawn && html`<p class="more">The newest ${drawn} of ${count(found.length)}: search for what is further back.</p>`}
                <span id="after-decisions" tabindex="-1"></span>`
      }
    `,
  });
}
