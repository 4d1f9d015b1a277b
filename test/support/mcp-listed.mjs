// An MCP server on standard input and output, in plain lines of JSON. What it lists is in a file, read each time: {instructions, tools,
// prompts, resources, templates}. It tells that its lists have changed when the file is written anew, where the file says `tells`, and
// writes down which tools were called in a file beside it.
import { appendFileSync, readFileSync, watchFile } from 'node:fs';
import { createInterface } from 'node:readline';

const [, , path] = process.argv;
const read = () => JSON.parse(readFileSync(path, 'utf8'));
const send = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

const answers = {
  initialize: () => ({
    protocolVersion: '2025-11-25',
    capabilities: {
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true },
      completions: {},
    },
    serverInfo: { name: 'listed', version: '1' },
    ...(read().instructions && { instructions: read().instructions }),
  }),
  ping: () => ({}),
  // As it stands in the file: a number is not written in another way.
  'tools/list': () => ({ tools: read().tools ?? [], ...read().beside }),
  'prompts/list': () => ({ prompts: read().prompts ?? [] }),
  'resources/list': () => ({ resources: read().resources ?? [] }),
  'resources/templates/list': () => ({ resourceTemplates: read().templates ?? [] }),
  'tools/call': ({ name }) => {
    appendFileSync(`${path}.called`, `${name}\n`);
    return { content: [{ type: 'text', text: `called ${name}` }] };
  },
  'prompts/get': ({ name }) => ({ messages: [{ role: 'user', content: { type: 'text', text: name } }] }),
  'resources/read': ({ uri }) => ({ contents: [{ uri, text: `read ${uri}` }] }),
  'completion/complete': () => ({ completion: { values: ['one'] } }),
};

watchFile(path, { interval: 50 }, () => {
  if (!read().tells) return;
  for (const list of ['tools', 'prompts', 'resources'])
    send({ method: `notifications/${list}/list_changed` });
});

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, method, params } = JSON.parse(line);
    if (id === undefined) return;
    const answer = Object.hasOwn(answers, method) ? answers[method] : undefined;
    if (answer) send({ id, result: answer(params) });
    else send({ id, error: { code: -32601, message: `Method not found: ${method}` } });
  })
  .on('close', () => process.exit(0));
