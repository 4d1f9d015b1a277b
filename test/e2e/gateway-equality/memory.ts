import { resource, type Step, tool } from './compare.js';

export const memorySteps: readonly Step[] = [
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
