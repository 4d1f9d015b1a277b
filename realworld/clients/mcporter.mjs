import { createRuntime } from 'mcporter';
import { run } from './tasks.mjs';

await run(async ({ url, headers, command, args, env }) => {
  const how = url
    ? { kind: 'http', url: new URL(url), headers }
    : { kind: 'stdio', command, args, cwd: process.cwd() };
  const runtime = await createRuntime({ servers: [{ name: 'one', command: how, env }] });
  return {
    tools: () => runtime.listTools('one', { includeSchema: true }),
    call: (name, given) => runtime.callTool('one', name, { args: given }),
    resources: async () => (await runtime.listResources('one')).resources,
    close: () => runtime.close(),
  };
});
