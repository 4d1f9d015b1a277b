// An MCP server on standard input and output, in plain lines of JSON. It tells which process it is and what it was offered, and
// takes its time: `--start MS`, `--list MS`, or `--start FILE`, until there is such a file. With `--hang initialize` or `--hang tools/list` it never answers that. `--tools a,b` names its tools.
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';

const options = Object.fromEntries(
  process.argv.slice(2).flatMap((one, i, all) => (one.startsWith('--') ? [[one.slice(2), all[i + 1]]] : [])),
);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const wait = async (until = '0') => {
  if (!until.includes('/')) return pause(Number(until));
  while (!existsSync(until)) await pause(50);
};
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const text = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] });
const none = { error: { code: -32601, message: 'Method not found' } };
let tools = (options.tools ?? 'told').split(',');
let offered;
let asking;

const answers = {
  async initialize({ capabilities }) {
    offered = capabilities;
    await wait(options.start);
    return {
      protocolVersion: '2025-11-25',
      capabilities: { tools: { listChanged: true } },
      serverInfo: { name: 'told', version: '1' },
      instructions: options.instructions ?? 'ask told',
    };
  },
  async 'tools/list'() {
    await wait(options.list);
    return { tools: tools.map((name) => ({ name, inputSchema: { type: 'object' } })) };
  },
  async 'tools/call'({ name, arguments: args }) {
    if (name === 'exit') process.exit(1);
    if (args?.tools) {
      tools = args.tools;
      if (!args.silently) send({ method: 'notifications/tools/list_changed' });
    }
    if (args?.ask) {
      send({ id: 'q', method: 'sampling/createMessage', params: { messages: [], maxTokens: 5 } });
      return text(await new Promise((resolve) => (asking = resolve)));
    }
    return text({ pid: process.pid, offered });
  },
};

createInterface({ input: process.stdin }).on('line', async (line) => {
  const { id, method, params, result, error } = JSON.parse(line);
  if (method === undefined) return asking?.({ result, error });
  if (id === undefined || options.hang === method) return;
  const answer = answers[method];
  send({ id, ...(answer ? { result: await answer(params ?? {}) } : none) });
});
