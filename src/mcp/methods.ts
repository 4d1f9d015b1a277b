/** The four lists of MCP: their methods, and what names an entry. */
export const kinds = {
  tools: { list: 'tools/list', entries: 'tools', key: 'name', what: 'tool', capability: 'tools' },
  prompts: { list: 'prompts/list', entries: 'prompts', key: 'name', what: 'prompt', capability: 'prompts' },
  resources: {
    list: 'resources/list',
    entries: 'resources',
    key: 'uri',
    what: 'resource',
    capability: 'resources',
  },
  templates: {
    list: 'resources/templates/list',
    entries: 'resourceTemplates',
    key: 'uriTemplate',
    what: 'resource template',
    capability: 'resources',
  },
} as const;

export type Kind = keyof typeof kinds;
export const kindNames = Object.keys(kinds) as readonly Kind[];

/** The three lists whose changes clients hear of; templates change with the resources. */
export type ChangingList = 'tools' | 'prompts' | 'resources';

export const listChanged = {
  tools: 'notifications/tools/list_changed',
  prompts: 'notifications/prompts/list_changed',
  resources: 'notifications/resources/list_changed',
} as const satisfies Record<ChangingList, string>;

export const changingLists = Object.keys(listChanged) as readonly ChangingList[];

/** Which list a notification says has changed. */
export function changedList(method: string): ChangingList | undefined {
  return changingLists.find((list) => listChanged[list] === method);
}

/** Requests that change nothing: one that a connection took along when it closed is sent once more (RFC 9110 section 9.2.2). */
export const repeatable: ReadonlySet<string> = new Set([
  'ping',
  'initialize',
  'server/discover',
  'completion/complete',
  'logging/setLevel',
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'resources/unsubscribe',
  ...kindNames.map((kind) => kinds[kind].list),
]);

/** Whether a notification is about the state of a whole server, also where it comes with the reply to a request. */
export const isAboutServer = (method: string): boolean =>
  /^notifications\/(.*list_changed|resources\/updated|tasks\/.*|elicitation\/complete)$/.test(method);

/** The requests of clients in all revisions. */
export const knownMethods: ReadonlySet<string> = new Set([
  ...repeatable,
  'tools/call',
  'subscriptions/listen',
  'tasks/get',
  'tasks/list',
  'tasks/result',
  'tasks/update',
  'tasks/cancel',
]);

/** The requests by which a connection begins. */
export const isHandshake = (method: string): boolean =>
  method === 'initialize' || method === 'server/discover';
