import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { commandPath, start } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { patience } from '../../support/patience.js';
import type { Command, Target } from './clients.js';

type Upstreams = Readonly<Record<string, Target>>;

/** A gateway before these upstreams, as a user starts it. The answer is its URL. */
export async function gatewayBefore(upstreams: Upstreams): Promise<string> {
  const cwd = await temporaryFolder();
  const config = join(cwd, 'gateway.yaml');
  // Servers are asked as if each client had its own.
  const own = Object.entries(upstreams).map(([name, target]) => [name, { ...target, share: 'session' }]);
  const gateway = { host: '127.0.0.1', auth: 'none', upstreams: Object.fromEntries(own) };
  await writeFile(config, stringify({ plugins: [], gateway }));
  const child = start(['gateway', '--config', config, '--port', '0'], { cwd, env: { LOG_FORMAT: 'json' } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  const url = () => /"url":"(http:[^"]+)"/.exec(output)?.[1] ?? '';
  await until(
    async () => {
      const answer = url() === '' ? undefined : await fetch(new URL('/ready', url())).catch(() => undefined);
      return answer?.ok === true;
    },
    () => `the gateway is not ready:\n${output}`,
  );
  return url();
}

/** The gateway as a desktop client launches it, with the list of servers that the client had itself. */
export async function gatewayOverStdio(mcpServers: Upstreams): Promise<Command> {
  const servers = join(await temporaryFolder(), 'mcp.json');
  await writeFile(servers, JSON.stringify({ mcpServers }));
  return { command: process.execPath, args: [commandPath, 'gateway', '--servers', servers, '--stdio'] };
}

/** Asks until the answer is yes. */
export async function until(ask: () => Promise<boolean>, complaint: () => string): Promise<void> {
  const end = Date.now() + patience(15_000);
  while (!(await ask())) {
    if (Date.now() > end) throw new Error(complaint());
    await sleep(50);
  }
}
