import { completion, prompt, resource, type Step, tool } from './compare.js';

/** The server writes the time of day into what it makes up on the spot, into the base64 of a blob as well. */
const atAnyTime = {
  without: (text: string) => {
    const plain = (said: string) => said.replace(/\d{1,2}:\d{2}:\d{2}(\u202f| )?([AP]M)?/g, 'TIME');
    const blob = (_: string, data: string) =>
      `"blob":${JSON.stringify(plain(Buffer.from(data, 'base64').toString()))}`;
    return plain(text.replace(/"blob":"([^"]*)"/g, blob));
  },
};
/** The server tells the id of the session that it has with whoever asks. */
const inAnySession = {
  without: (text: string) => text.replace(/[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}/g, 'SESSION'),
};

const documents = [
  'architecture',
  'extension',
  'features',
  'how-it-works',
  'instructions',
  'startup',
  'structure',
];
const department = { type: 'ref/prompt', name: 'completable-prompt' };
const text = { type: 'ref/resource', uri: 'demo://resource/dynamic/text/{resourceId}' };

export const everythingSteps: readonly Step[] = [
  tool('echo', { message: 'naïve ☃ \u2028 \ud83d\ude00' }),
  tool('echo', { message: 7 }),
  tool('echo'),
  ...['error', 'success', 'debug'].map((messageType) =>
    tool('get-annotated-message', { messageType, includeImage: true }),
  ),
  tool('get-resource-links', { count: 4 }),
  tool('get-resource-reference', { resourceType: 'Text', resourceId: 3 }, atAnyTime),
  tool('get-resource-reference', { resourceType: 'Blob', resourceId: 4 }, atAnyTime),
  tool('get-resource-reference', { resourceType: 'Blob', resourceId: -1 }),
  ...['New York', 'Chicago', 'Los Angeles'].map((location) => tool('get-structured-content', { location })),
  tool('get-sum', { a: 0.1, b: 0.2 }),
  tool('get-sum', { a: 1e21, b: -0 }),
  tool('get-tiny-image'),
  tool('gzip-file-as-resource', { name: 'a.gz', data: 'data:text/plain,hello', outputType: 'resource' }),
  tool('gzip-file-as-resource', { name: 'b.gz', data: 'data:text/plain,hello' }),
  resource('demo://resource/session/b.gz'),
  tool('toggle-simulated-logging', {}, inAnySession),
  tool('toggle-simulated-logging', {}, { ...inAnySession, name: 'toggle-simulated-logging again' }),
  tool('toggle-subscriber-updates', {}, inAnySession),
  tool('toggle-subscriber-updates', {}, { ...inAnySession, name: 'toggle-subscriber-updates again' }),
  tool('trigger-long-running-operation', { duration: 0.2, steps: 4 }),
  {
    name: 'trigger-long-running-operation with progress',
    run: (client) =>
      client.callToolWithProgress({
        name: 'trigger-long-running-operation',
        arguments: { duration: 0.4, steps: 4 },
      }),
  },
  prompt('simple-prompt'),
  prompt('args-prompt', { city: 'Paris', state: 'Texas' }),
  prompt('args-prompt', {}),
  prompt('completable-prompt', { department: 'Sales', name: 'Eve' }),
  prompt('resource-prompt', { resourceType: 'Text', resourceId: '5' }, atAnyTime),
  prompt('resource-prompt', { resourceType: 'Blob', resourceId: '6' }, atAnyTime),
  prompt('resource-prompt', { resourceType: 'Nothing', resourceId: '6' }),
  ...documents.map((name) => resource(`demo://resource/static/document/${name}.md`)),
  resource('demo://resource/dynamic/text/7', atAnyTime),
  resource('demo://resource/dynamic/blob/8', atAnyTime),
  completion(department, { name: 'department', value: 'S' }),
  completion(department, { name: 'name', value: '' }, { department: 'Support' }),
  completion(text, { name: 'resourceId', value: '12' }),
];

/** What the server asks of its client on the way. */
export const askingSteps: readonly Step[] = [
  tool('get-roots-list'),
  tool('trigger-sampling-request', { prompt: 'What now?', maxTokens: 7 }),
  tool('trigger-elicitation-request'),
  tool('trigger-url-elicitation', { url: 'https://example.com/', elicitationId: 'one' }),
];

/** Tools that cannot tell the same. */
export const leftOut = [
  // Runs as a task, which is an extension of 2025-11-25.
  'simulate-research-query',
];
