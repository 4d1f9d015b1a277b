import { ago, count, counted } from './format.js';
import { html } from './html.js';
import { copyButton, empty, name, section, table } from './parts.js';

/** @import { ClientFacts } from '../facts.js' */
/** @import { Column } from './parts.js' */

/** @param {number} now @returns {readonly Column<ClientFacts>[]} */
const columns = (now) => [
  {
    head: 'Client',
    class: 'wide',
    cell: (one) =>
      html`${name(one.name)}${one.version !== undefined && html` <small>${name(one.version)}</small>`}`,
  },
  { head: 'User', cell: ({ user }) => (user === null ? html`<small>not named</small>` : name(user)) },
  { head: 'Era', cell: ({ era }) => era },
  { head: 'Sessions', number: true, cell: ({ sessions }) => count(sessions) },
  { head: 'Requests', number: true, cell: ({ requests }) => count(requests) },
  { head: 'Last seen', number: true, cell: ({ lastAt }) => ago(lastAt, now) },
];

/** @param {readonly ClientFacts[]} clients @param {string} address @param {number} now */
export const clientsSection = (clients, address, now) =>
  section({
    id: 'clients',
    title: 'Clients',
    note: counted(clients.length, 'client'),
    body:
      clients.length === 0
        ? noClients(address)
        : table({
            caption: 'MCP clients of this gateway',
            columns: columns(now),
            rows: clients,
            key: (one) => `${one.user}\n${one.name}\n${one.version}\n${one.era}`,
          }),
  });

/** @param {string} address */
function noClients(address) {
  const entry = JSON.stringify({ mcpServers: { sallyport: { type: 'http', url: address } } }, null, 2);
  return empty(
    'No client has called yet. One that is asked for a URL takes that of the overview; one that keeps a list of servers takes this entry:',
    html`<div class="snippet"><pre>${entry}</pre>${copyButton(entry, 'the entry')}</div>`,
  );
}
