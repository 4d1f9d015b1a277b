// The floor: what a hook call costs in plain Node. Reads the request, parses it, does the same replacement, answers
// the same bytes. No MCP, no validation, no timeouts.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const [certfile, keyfile, cafile] = process.argv.slice(2);
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
      const { payload, plugin_name } = params.arguments;
      const args = Object.fromEntries(
        Object.entries(payload.args).map(([key, value]) => [key, value.replaceAll('crap', 'crud')]),
      );
      const result = {
        continue_processing: true,
        modified_payload: { ...payload, args },
        violation: null,
        metadata: {},
      };
      const text = JSON.stringify({ plugin_name, result });
      const body = JSON.stringify({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text }] } });
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      response.end(body);
    });
  },
);
server.listen(0, 'localhost', () => console.log(server.address().port));
