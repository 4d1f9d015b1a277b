import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it, onTestFinished } from 'vitest';
import { type Generation, generations, type Target } from './clients.js';
import {
  completion,
  expectComplete,
  expectSame,
  patience,
  prompt,
  resource,
  type Step,
  tool,
  transcribe,
} from './compare.js';
import { freePort, gatewayBefore, until } from './gateway.js';
import { serverCommand } from './servers.js';

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

const steps: readonly Step[] = [
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
const asking: readonly Step[] = [
  tool('get-roots-list'),
  tool('trigger-sampling-request', { prompt: 'What now?', maxTokens: 7 }),
  tool('trigger-elicitation-request'),
  tool('trigger-url-elicitation', { url: 'https://example.com/', elicitationId: 'one' }),
];

/** Tools that cannot tell the same. */
const leftOut = [
  // Runs as a task, which is an extension of 2025-11-25.
  'simulate-research-query',
];

const lists = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const;

async function judge(
  { asked, connect }: Generation,
  target: Target,
  more: readonly Step[],
  except: readonly string[],
) {
  const all = [...steps, ...more, ...(asked ? asking : [])];
  const drive = async (where: Target) => {
    const client = await connect(where);
    onTestFinished(() => client.close());
    return transcribe(client, lists, all);
  };
  const direct = await drive(target);
  expectComplete(direct, 'tools', all, [...leftOut, ...except]);
  expectComplete(direct, 'prompts', all);
  expectComplete(direct, 'resources', all);
  expectSame(await drive({ url: await gatewayBefore(target) }), direct);
}

describe.each(generations)('server-everything by $name', patience, (generation) => {
  it('tells the same through the gateway as directly, over stdio', async () => {
    // `get-env` shows the environment of the process, which is given by whoever starts it.
    await judge(generation, serverCommand('everything', ['stdio']), [], ['get-env']);
  });

  it('tells the same through the gateway as directly, over HTTP', async () => {
    const port = await freePort();
    const { command, args } = serverCommand('everything', ['streamableHttp']);
    const child = spawn(command, [...args], { env: { PORT: String(port) }, stdio: 'ignore' });
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await once(child, 'close');
    });
    const url = `http://127.0.0.1:${port}/mcp`;
    await until(
      async () => (await fetch(url).catch(() => undefined)) !== undefined,
      () => 'server-everything does not listen',
    );
    await judge(generation, { url }, [tool('get-env')], []);
  });
});
