// An MCP server of the SDK, generation 1, on standard input and output, that asks and tells. With `stubborn` it stays
// when its input ends and when it is asked to stop.
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';

const server = new Server(
  { name: 'asking', version: '1' },
  { capabilities: { tools: { listChanged: true }, logging: {} } },
);
const object = { type: 'object', properties: {} };
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] });
const question = { messages: [{ role: 'user', content: { type: 'text', text: 'what now?' } }], maxTokens: 5 };

let givenUp;
let release = () => {};

const tools = {
  pid: () => text(process.pid),
  big: ({ chars }) => text('x'.repeat(Number(chars))),
  async slow({ ms }) {
    await new Promise((resolve) => setTimeout(resolve, Number(ms)));
    return text('done');
  },
  async steps(_args, { sendNotification, _meta }) {
    for (const progress of [1, 2, 3]) {
      const params = { progressToken: _meta?.progressToken ?? 0, progress };
      await sendNotification({ method: 'notifications/progress', params });
    }
    return text('done');
  },
  /** Tells of its progress until it is given up. */
  async drip(_args, { sendNotification, _meta, signal }) {
    for (let progress = 1; !signal.aborted; progress += 1) {
      const params = { progressToken: _meta?.progressToken ?? 0, progress };
      await sendNotification({ method: 'notifications/progress', params });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return text('done');
  },
  /** Writes to its log for a while, and says nothing else. */
  async mutter({ times }, { sendNotification }) {
    for (let i = 0; i < Number(times); i += 1) {
      await sendNotification({ method: 'notifications/message', params: { level: 'info', data: i } });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return text('done');
  },
  /** Lasts until it is given up. */
  async hold(_args, { signal }) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
    givenUp = signal.reason;
    return text('done');
  },
  givenUp: () => text(givenUp),
  /** Asks, and takes the question back once the client has it. */
  async askInVain() {
    const control = new AbortController();
    const asked = server.createMessage(question, { signal: control.signal });
    await new Promise((resolve) => {
      release = resolve;
    });
    control.abort('found it by myself');
    await asked.catch(() => {});
    return text('done');
  },
  release() {
    release();
    return text('done');
  },
  /** Asks first, and tells of its progress then. */
  async askAndStep(_args, extra) {
    await server.createMessage(question);
    return tools.steps(_args, extra);
  },
  async ask() {
    const { content } = await server.createMessage(question);
    return text(content.text);
  },
  async change() {
    await server.sendToolListChanged();
    return text('done');
  },
};

server.setRequestHandler(ListToolsRequestSchema, () => ({
  tools: Object.keys(tools).map((name) => ({ name, inputSchema: object })),
}));
server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
  tools[params.name](params.arguments ?? {}, extra),
);
if (process.argv[2] === 'stubborn') {
  process.on('SIGTERM', () => {});
  setInterval(() => {}, 1000);
}
await server.connect(new StdioServerTransport());
