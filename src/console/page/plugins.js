import { count, counted } from './format.js';
import { html } from './html.js';
import { empty, mark, name, section, table, trouble } from './parts.js';
import { markOf } from './states.js';

/** @import { PluginFacts } from '../facts.js' */
/** @import { Column } from './parts.js' */

/** @type {readonly Column<PluginFacts>[]} */
const columns = [
  {
    head: 'Plugin',
    class: 'wide',
    cell: (one) => html`${name(one.name)} <small>${name(one.kind)}</small>`,
  },
  { head: 'State', class: 'word', cell: ({ state }) => mark(markOf(state), name(state)) },
  { head: 'Mode', class: 'word', cell: ({ mode }) => name(mode) },
  {
    head: 'Hooks',
    cell: ({ hooks }) =>
      hooks.length === 0
        ? '–'
        : html`<ul class="hooks" role="list">${hooks.map((hook) => html`<li>${name(hook)}</li>`)}</ul>`,
  },
  { head: 'Calls', number: true, cell: ({ calls }) => count(calls) },
  { head: 'Blocked', number: true, cell: ({ blocked }) => count(blocked) },
  { head: 'Failed', number: true, cell: ({ failed }) => count(failed) },
];

/** @param {readonly PluginFacts[]} plugins */
export const pluginsSection = (plugins) =>
  section({
    id: 'plugins',
    title: 'Plugins',
    note: counted(plugins.length, 'plugin'),
    body:
      plugins.length === 0
        ? empty(
            'No plugin looks at what passes: every call goes on as it came.',
            html`<p>Make one with <code>sallyport new plugin my-guard --template guard</code>, and name it under <code>plugins</code> of the configuration.</p>`,
          )
        : table({
            caption: 'Plugins, in the order in which they run',
            columns,
            rows: plugins,
            key: (one) => one.name,
            below: trouble,
          }),
  });
