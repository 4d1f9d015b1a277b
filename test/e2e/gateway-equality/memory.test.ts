import { join } from 'node:path';
import { describe, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { generations, type Target } from './clients.js';
import { expectComplete, expectSame, roomy, transcribe } from './compare.js';
import { gatewayBefore, gatewayOverStdio } from './gateway.js';
import { memorySteps as steps } from './memory.js';
import { serverCommand } from './servers.js';

const lists = ['tools', 'resources', 'resourceTemplates'] as const;

describe.each(generations)('server-memory by $name', roomy, ({ connect }) => {
  it.each([
    ['over HTTP', async (server: Target) => ({ url: await gatewayBefore({ judged: server }) })],
    ['over stdio', (server: Target) => gatewayOverStdio({ judged: server })],
  ])('tells the same through the gateway as directly, %s', async (_, gateway) => {
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
    expectSame(await drive(await gateway(server('gateway.jsonl'))), direct);
  });
});
