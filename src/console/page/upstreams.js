import { count, counted, span } from './format.js';
import { html } from './html.js';
import { empty, mark, name, section, table, trouble } from './parts.js';
import { markOf } from './states.js';

/** @import { UpstreamFacts } from '../facts.js' */
/** @import { Column } from './parts.js' */

/** @param {number} now @returns {readonly Column<UpstreamFacts>[]} */
const columns = (now) => [
  {
    head: 'Upstream',
    class: 'wide',
    cell: (one) => html`${name(one.name)} <small>${name(one.transport)}</small>`,
  },
  {
    head: 'State',
    class: 'word',
    cell: ({ state, since }) =>
      html`${mark(markOf(state), name(state))}${since !== undefined && html` <small>${span(now - Date.parse(since))}</small>`}`,
  },
  {
    head: 'Offers',
    cell: ({ tools, prompts, resources }) =>
      [
        [tools, 'tool'],
        [prompts, 'prompt'],
        [resources, 'resource'],
      ]
        .flatMap(([n, what]) => (Number(n) > 0 ? [counted(Number(n), String(what))] : []))
        .join(', ') || '–',
  },
  { head: 'Calls', number: true, cell: ({ calls }) => count(calls) },
  { head: 'Failed', number: true, cell: ({ failed }) => count(failed) },
  { head: 'In flight', number: true, cell: ({ inFlight }) => count(inFlight) },
];

/** What is not as it was locked. @param {UpstreamFacts} upstream */
const differing = ({ differing: all = [] }) =>
  all.length > 0 && html`<ul class="hooks" role="list">${all.map((one) => html`<li>${name(one)}</li>`)}</ul>`;

/** @param {readonly UpstreamFacts[]} upstreams @param {number} now */
export const upstreamsSection = (upstreams, now) =>
  section({
    id: 'upstreams',
    title: 'Upstreams',
    note: counted(upstreams.length, 'server'),
    body:
      upstreams.length === 0
        ? empty(
            'There is no MCP server behind this gateway, so clients find no tools.',
            html`<p>Add one under <code>gateway.upstreams</code> of its configuration, or start it with the list of an editor: <code>sallyport gateway --servers .mcp.json</code>.</p>`,
          )
        : table({
            caption: 'MCP servers behind the gateway',
            columns: columns(now),
            rows: upstreams,
            key: (one) => one.name,
            below: (one) => html`${trouble(one)}${differing(one)}`,
          }),
  });
