// The floor: what a hook call costs in plain Node over `node:https`. Reads the request, parses it, looks whether it is
// one, does the plugin's work, answers the bytes of the contract. No MCP, no sessions, no deadlines, no contexts.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { replaceWords } from './work.mjs';

const [certfile, keyfile, cafile] = process.argv.slice(2);
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
const server = createServer(
  {
    cert: readFileSync(certfile),
    key: readFileSync(keyfile),
    ca: readFileSync(cafile),
    requestCert: true,
    rejectUnauthorized: true,
  },
  (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const { id, params } = JSON.parse(Buffer.concat(chunks).toString());
      const { hook_type, payload, plugin_name, context } = params.arguments;
      const valid =
        typeof hook_type === 'string' &&
        typeof plugin_name === 'string' &&
        isObject(payload) &&
        typeof payload.name === 'string' &&
        isObject(payload.args) &&
        isObject(context) &&
        typeof context.global_context?.request_id === 'string';
      if (!valid) return response.writeHead(400).end();
      const modified_payload = replaceWords(payload) ?? null;
      const result = { continue_processing: true, modified_payload, violation: null, metadata: {} };
      const text = JSON.stringify({ plugin_name, result });
      const body = JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      return response.end(body);
    });
  },
);
server.listen(0, 'localhost', () => console.log(server.address().port));
