import { count, duration, plain, rate } from './format.js';
import { html } from './html.js';
import { command, mark, name, section } from './parts.js';
import { concernsOf } from './states.js';
import { hourOf, newest } from './traffic.js';

/** @import { ConsoleState } from '../facts.js' */

/** @param {readonly { state: string }[]} parts @param {string} good */
const upOf = (parts, good) => parts.filter(({ state }) => state === 'up' || state === good).length;

/** @param {number} n @param {number} all */
const ofAll = (n, all) => (all === 0 ? 'none' : `${n} of ${all}`);

/** What is there, and what wants attention. @param {ConsoleState} facts */
export function overview(facts) {
  const { upstreams, plugins, clients, traffic } = facts;
  const concerns = concernsOf(facts);
  const hour = hourOf(traffic, facts.at);
  const refused = traffic.refused.reduce((all, n) => all + n, 0);
  const active = plugins.filter(({ state }) => state !== 'disabled');
  const figures = [
    { what: 'requests per second', is: rate(newest(hour.rates)), to: 'traffic' },
    { what: 'p50 latency', is: duration(newest(hour.p50)), to: 'traffic' },
    { what: 'p99 latency', is: duration(newest(hour.p99)), to: 'traffic' },
    { what: 'refused, last hour', is: count(refused), to: 'traffic' },
    { what: 'upstreams up', is: ofAll(upOf(upstreams, 'up'), upstreams.length), to: 'upstreams' },
    { what: 'plugins ready', is: ofAll(upOf(active, 'ready'), active.length), to: 'plugins' },
    { what: clients.length === 1 ? 'client' : 'clients', is: count(clients.length), to: 'clients' },
  ];
  return section({
    id: 'overview',
    title: 'Overview',
    body: html`
      <dl class="figures">
        ${figures.map(
          ({ what, is, to }) =>
            html`<div key=${to + what}><dt><a href=${`#${to}`}>${what}</a></dt><dd>${is}</dd></div>`,
        )}
      </dl>
      ${
        concerns.length === 0
          ? html`<p class="calm">${mark('ok', clients.length === 0 ? 'Waiting for the first client' : 'Nothing wants attention')}</p>`
          : html`<ul class="concerns" aria-label="What wants attention">
              ${concerns.map(
                ({ level, what, name: of, section: to }) =>
                  html`<li key=${to + what + of}>
                    ${mark(level, html`<a href=${`#${to}`}>${what}${of === undefined ? '' : ': '}${of !== undefined && name(of)}</a>`)}
                  </li>`,
              )}
            </ul>`
      }
      ${clients.length === 0 && html`<div class="first-client"><span>No client has called yet. Give it this URL:</span>${command(facts.address, 'the URL')}</div>`}
    `,
  });
}

/** What the tab says. @param {ConsoleState} facts */
export function titleOf(facts) {
  const n = concernsOf(facts).length;
  return `${n === 0 ? '' : `(${n}) `}Sallyport ${plain(new URL(facts.address).host, 60)}`;
}
