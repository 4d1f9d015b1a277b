// The client that the suite judges: node conformance/client.mjs direct|gateway SERVER_URL
// Does all that a server offers, once. With `gateway` it does so through a gateway before that server.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { withGateway } from './lib/gateway.mjs';

const [way, serverUrl] = process.argv.slice(2);
const revision = process.env['MCP_CONFORMANCE_PROTOCOL_VERSION'];
const context = JSON.parse(process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}');
const complain = (what, error) => process.stderr.write(`${what}: ${error.message}\n`);

if (way === 'gateway') await withGateway(serverUrl, doEverything);
else await doEverything(serverUrl);

async function doEverything(url) {
  const client = new Client(
    { name: 'conformance-client', version: '1.0.0' },
    {
      capabilities: { elicitation: { form: { applyDefaults: true } }, sampling: {}, roots: {} },
      versionNegotiation: { mode: revision === '2026-07-28' ? 'auto' : 'legacy' },
    },
  );
  client.setRequestHandler('elicitation/create', ({ params }) => ({
    action: 'accept',
    content: 'confirmed' in (params.requestedSchema?.properties ?? {}) ? { confirmed: true } : {},
  }));
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const has = client.getServerCapabilities() ?? {};

  // A server that has no tools is asked all the same: some scenarios only look at how it is asked.
  const { tools } = has.tools ? await client.listTools() : await client.request({ method: 'tools/list' });
  const wanted =
    context.toolCalls ?? tools.map((tool) => ({ name: tool.name, arguments: argumentsOf(tool, tools) }));
  for (const call of wanted) await attempt(`tool ${call.name}`, () => client.callTool(call));
  if (has.resources) {
    const { resources } = await client.listResources();
    for (const { uri } of resources) await attempt(`resource ${uri}`, () => client.readResource({ uri }));
  }
  if (has.prompts) {
    const { prompts } = await client.listPrompts();
    for (const { name } of prompts) await attempt(`prompt ${name}`, () => client.getPrompt({ name }));
  }
  await client.close();
}

/** A call that fails is told of; whether that matters the suite knows. */
async function attempt(what, work) {
  try {
    await work();
  } catch (error) {
    complain(what, error);
  }
}

/** What a tool has to be given. One of the suite's wants to see the schema of another, as it came. */
function argumentsOf({ name, inputSchema }, tools) {
  if (name === 'json_schema_echo') {
    return { schema: tools.find((tool) => tool.name === 'json_schema_2020_12_tool')?.inputSchema };
  }
  const samples = { number: 2, integer: 2, boolean: true, string: 'a', array: [], object: {}, null: null };
  const required = inputSchema.required ?? [];
  return Object.fromEntries(
    required.map((key) => [key, samples[inputSchema.properties?.[key]?.type ?? 'string']]),
  );
}
