import { describe, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { generations, type Target } from './clients.js';
import { expectComplete, expectSame, roomy, transcribe } from './compare.js';
import { filesystemSteps, layOut } from './filesystem.js';
import { gatewayBefore } from './gateway.js';
import { serverCommand } from './servers.js';

describe.each(generations)('server-filesystem by $name', roomy, ({ connect }) => {
  it('[M1] tells the same through the gateway as directly', async () => {
    const folder = await temporaryFolder();
    const steps = filesystemSteps(folder);
    const drive = async (target: Target) => {
      await layOut(folder);
      const client = await connect(target);
      onTestFinished(() => client.close());
      return transcribe(client, ['tools'], steps);
    };
    await layOut(folder);
    const server = serverCommand('filesystem', [folder]);
    const direct = await drive(server);
    expectComplete(direct, 'tools', steps);
    expectSame(await drive({ url: await gatewayBefore({ judged: server }) }), direct);
  });
});
