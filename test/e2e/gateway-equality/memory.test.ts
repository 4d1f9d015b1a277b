import { join } from 'node:path';
import { describe, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { generations, type Target } from './clients.js';
import { expectComplete, expectSame, patience, resource, type Step, tool, transcribe } from './compare.js';
import { gatewayBefore } from './gateway.js';
import { serverCommand } from './servers.js';

const steps: readonly Step[] = [
  tool('create_entities', {
    entities: [
      { name: 'Ada', entityType: 'person', observations: ['writes programs', 'naïve: ☃ and \u2028'] },
      { name: 'Engine', entityType: 'machine', observations: [] },
    ],
  }),
  tool('create_entities', { entities: 'none' }),
  tool('create_relations', { relations: [{ from: 'Ada', to: 'Engine', relationType: 'programs' }] }),
  tool('add_observations', { observations: [{ entityName: 'Ada', contents: ['likes numbers'] }] }),
  tool('add_observations', { observations: [{ entityName: 'Nobody', contents: ['is not there'] }] }),
  tool('read_graph'),
  resource('memory://knowledge-graph'),
  tool('search_nodes', { query: 'program' }),
  tool('open_nodes', { names: ['Engine', 'Nobody'] }),
  tool('delete_observations', { deletions: [{ entityName: 'Ada', observations: ['likes numbers'] }] }),
  tool('delete_relations', { relations: [{ from: 'Ada', to: 'Engine', relationType: 'programs' }] }),
  tool('delete_entities', { entityNames: ['Engine'] }),
  tool('read_graph', {}, { name: 'the graph at the end' }),
];
const lists = ['tools', 'resources', 'resourceTemplates'] as const;

describe.each(generations)('server-memory by $name', patience, ({ connect }) => {
  it('tells the same through the gateway as directly', async () => {
    const folder = await temporaryFolder();
    const server = (file: string) => serverCommand('memory', [], { MEMORY_FILE_PATH: join(folder, file) });
    const drive = async (target: Target) => {
      const client = await connect(target);
      onTestFinished(() => client.close());
      return transcribe(client, lists, steps);
    };
    const direct = await drive(server('direct.jsonl'));
    expectComplete(direct, 'tools', steps);
    expectComplete(direct, 'resources', steps);
    expectSame(await drive({ url: await gatewayBefore(server('gateway.jsonl')) }), direct);
  });
});
