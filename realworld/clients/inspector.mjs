// The command line of the MCP Inspector: a process of its own for every request.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { run } from './tasks.mjs';

const main = createRequire(import.meta.url).resolve('@modelcontextprotocol/inspector/package.json');
const program = join(dirname(main), 'cli/build/cli.js');

await run(async ({ url, command, args, env = {} }) => {
  const file = join(process.cwd(), 'inspector.json');
  await writeFile(file, JSON.stringify({ mcpServers: { one: { command, args, env } } }));
  const server = url ? [url, '--transport', 'http'] : ['--config', file, '--server', 'one'];
  const ask = async (method, ...words) => {
    const line = [program, '--cli', ...server, '--method', method, ...words];
    const { stdout } = await promisify(execFile)(process.execPath, line, { maxBuffer: 1e8 });
    return JSON.parse(stdout);
  };
  const given = (option, args) =>
    Object.entries(args).flatMap(([key, value]) => [
      option,
      `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ]);
  return {
    tools: async () => (await ask('tools/list')).tools,
    call: (name, args) => ask('tools/call', '--tool-name', name, ...given('--tool-arg', args)),
    prompts: async () => (await ask('prompts/list')).prompts,
    prompt: (name, args) => ask('prompts/get', '--prompt-name', name, ...given('--prompt-args', args)),
    resources: async () => (await ask('resources/list')).resources,
    read: (uri) => ask('resources/read', '--uri', uri),
  };
});
