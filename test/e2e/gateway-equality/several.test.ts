import { join } from 'node:path';
import { describe, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { type Command, generations, type RecordingClient } from './clients.js';
import { expectSame, type ListName, roomy, type Step, type Transcript, transcribe } from './compare.js';
import { askingSteps, everythingSteps } from './everything.js';
import { filesystemSteps, layOut } from './filesystem.js';
import { gatewayBefore } from './gateway.js';
import { memorySteps } from './memory.js';
import { serverCommand } from './servers.js';

/** One of the servers, what it has lists of, and how its URIs begin. */
interface Part {
  readonly name: string;
  readonly scheme: string;
  readonly lists: readonly ListName[];
  readonly server: Command;
  readonly steps: readonly Step[];
}

/** The client, to whom the tools and prompts of an upstream have their own names. */
function under(upstream: string, client: RecordingClient): RecordingClient {
  const prefixed = (params: object) => {
    const { name } = params as { name?: string };
    return name === undefined ? params : { ...params, name: `${upstream}__${name}` };
  };
  return {
    came: client.came,
    listTools: (params) => client.listTools(params),
    listPrompts: (params) => client.listPrompts(params),
    listResources: (params) => client.listResources(params),
    listResourceTemplates: (params) => client.listResourceTemplates(params),
    callTool: (params) => client.callTool(prefixed(params)),
    callToolWithProgress: (params) => client.callToolWithProgress(prefixed(params)),
    getPrompt: (params) => client.getPrompt(prefixed(params)),
    readResource: (params) => client.readResource(params),
    complete: (params) => {
      const { ref } = params as { ref: object };
      return client.complete({ ...params, ref: prefixed(ref) });
    },
    close: () => client.close(),
  };
}

/** Of the lists of all upstreams what is of one, under the names that it has there. Nobody else has its URIs. */
function ofUpstream({ name: upstream, scheme, lists }: Part, transcript: Transcript): Transcript {
  const own: Record<ListName, (entry: Record<string, unknown>) => object[]> = {
    tools: unprefixed,
    prompts: unprefixed,
    resources: (entry) => (String(entry['uri']).startsWith(scheme) ? [entry] : []),
    resourceTemplates: (entry) => (String(entry['uriTemplate']).startsWith(scheme) ? [entry] : []),
  };
  function unprefixed(entry: Record<string, unknown>): object[] {
    const prefix = `${upstream}__`;
    const name = String(entry['name']);
    return name.startsWith(prefix) ? [{ ...entry, name: name.slice(prefix.length) }] : [];
  }
  const listed = lists.map((list): [string, string] => {
    const lines = (transcript[`list ${list}`] ?? '').split('\n').filter(Boolean);
    const entries = lines.flatMap((line) => own[list](JSON.parse(line)));
    return [`list ${list}`, entries.map((entry) => JSON.stringify(entry)).join('\n')];
  });
  return { ...transcript, ...Object.fromEntries(listed) };
}

describe.each(generations)('several servers by $name', roomy, ({ connect, asked }) => {
  it('[M1,M7] tell the same together behind one gateway as each by itself', async () => {
    const folder = await temporaryFolder();
    const memory = (file: string) => serverCommand('memory', [], { MEMORY_FILE_PATH: join(folder, file) });
    const files = serverCommand('filesystem', [folder]);
    const everything = serverCommand('everything', ['stdio']);
    const parts = [
      {
        name: 'memory',
        scheme: 'memory:',
        lists: ['tools', 'resources', 'resourceTemplates'],
        server: memory('direct.jsonl'),
        steps: memorySteps,
      },
      {
        name: 'files',
        scheme: 'file:',
        lists: ['tools'],
        server: files,
        steps: filesystemSteps(join(folder, 'files')),
      },
      {
        name: 'everything',
        scheme: 'demo:',
        lists: ['tools', 'prompts', 'resources', 'resourceTemplates'],
        server: everything,
        steps: [...everythingSteps, ...(asked ? askingSteps : [])],
      },
    ] satisfies readonly Part[];
    const upstreams = { memory: memory('gateway.jsonl'), files, everything };
    const through = await connect({ url: await gatewayBefore(upstreams) });
    onTestFinished(() => through.close());
    for (const part of parts) {
      const { name, lists, server, steps } = part;
      const client = await connect(server);
      onTestFinished(() => client.close());
      if (name === 'files') await layOut(join(folder, 'files'));
      const direct = await transcribe(client, lists, steps);
      if (name === 'files') await layOut(join(folder, 'files'));
      expectSame(ofUpstream(part, await transcribe(under(name, through), lists, steps)), direct);
    }
  });
});
