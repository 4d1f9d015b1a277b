import { createServer, request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';

const keptHeaders = ['accept', 'content-type', 'mcp-protocol-version', 'mcp-session-id'];
const kept = (headers) =>
  Object.fromEntries(keptHeaders.flatMap((name) => (headers[name] ? [[name, headers[name]]] : [])));

/**
 * A proxy that writes down every exchange with `target`, bodies as text. The standing stream of a session (GET) is
 * let through and not written down: it never ends.
 */
export async function startRecorder(target, write) {
  const server = createServer(async (request, response) => {
    const sent = await text(request);
    const { method, url: path, headers } = request;
    const forward = httpRequest(new URL(path, target), {
      method,
      headers: { ...headers, host: new URL(target).host },
    });
    forward.on('error', () => response.destroy());
    response.on('close', () => forward.destroy());
    forward.on('response', async (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      if (method === 'GET') return answer.pipe(response);
      const body = await text(answer);
      write({
        request: { method, headers: kept(headers), ...(sent && { body: JSON.parse(sent) }) },
        response: { status: answer.statusCode, headers: kept(answer.headers), body },
      });
      return response.end(body);
    });
    forward.end(sent);
  });
  await new Promise((resolve) => server.listen(0, 'localhost', resolve));
  const { port } = server.address();
  return {
    url: `http://localhost:${port}/mcp`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
