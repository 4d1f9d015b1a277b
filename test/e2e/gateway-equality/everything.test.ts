import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it, onTestFinished } from 'vitest';
import { freePort } from '../../support/upstreams.js';
import { type Generation, generations, type Target } from './clients.js';
import { expectComplete, expectSame, roomy, type Step, tool, transcribe } from './compare.js';
import { askingSteps, everythingSteps, leftOut } from './everything.js';
import { gatewayBefore, until } from './gateway.js';
import { serverCommand } from './servers.js';

const lists = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const;

async function judge(
  { asked, connect }: Generation,
  target: Target,
  more: readonly Step[],
  except: readonly string[],
) {
  const all = [...everythingSteps, ...more, ...(asked ? askingSteps : [])];
  const drive = async (where: Target) => {
    const client = await connect(where);
    onTestFinished(() => client.close());
    return transcribe(client, lists, all);
  };
  const direct = await drive(target);
  expectComplete(direct, 'tools', all, [...leftOut, ...except]);
  expectComplete(direct, 'prompts', all);
  expectComplete(direct, 'resources', all);
  expectSame(await drive({ url: await gatewayBefore({ judged: target }) }), direct);
}

describe.each(generations)('server-everything by $name', roomy, (generation) => {
  it('[M1] tells the same through the gateway as directly, over stdio', async () => {
    // `get-env` shows the environment of the process, which is given by whoever starts it.
    await judge(generation, serverCommand('everything', ['stdio']), [], ['get-env']);
  });

  it('[M1] tells the same through the gateway as directly, over HTTP', async () => {
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
