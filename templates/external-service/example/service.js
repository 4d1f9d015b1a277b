// A service to try the plugin with: it refuses tools whose names begin with delete_.
import { createServer } from 'node:http';

const service = createServer(async (request, response) => {
  let body = '';
  for await (const piece of request) body += piece;
  const { tool } = JSON.parse(body);
  const allowed = !tool.startsWith('delete_');
  console.log(`verdict on ${tool}: ${allowed ? 'allowed' : 'refused'}`);
  response.end(JSON.stringify({ allowed, reason: `${tool} needs an approval` }));
});
service.listen(8100, '127.0.0.1');
// The program that has imported it ends without it.
service.unref();
