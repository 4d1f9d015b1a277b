import { createConnection, createServer } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { SallyError, silentLogger } from 'sallyport';
import { createFastPath } from '../../dist/http/fast-path.js';
import { createHttpServer } from '../../dist/http/index.js';
import { parseExactJson } from '../../dist/json/index.js';
import { pieces } from '../lib/duplex.mjs';
import { disagree } from '../lib/judge.mjs';

/** Whole connections at the fast path and at Node's server alone, in pieces: the replies are the same. */
export default {
  words: [
    '\r\n',
    '\r\n\r\n',
    '\n',
    ' ',
    ':',
    '\0',
    'Content-Length: 2\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    'Expect: 100-continue\r\n',
    'POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}',
    'GET / HTTP/1.0\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\n',
  ],
  async open({ random }) {
    const behind = echoServer();
    behind.http.emit('listening');
    const fastPath = createFastPath({
      server: behind,
      path: '/mcp',
      maxBodyBytes: { first: 1_000, later: 1_900 },
      log: silentLogger,
      lastReplyMs: 1_000,
      handle: async ({ headers, body }, reply) =>
        say(reply, [
          'POST',
          '/mcp',
          headers['x-id'] ?? null,
          'error' in body ? refused : JSON.stringify(body.json),
        ]),
    });
    const fast = await listening(createServer({ allowHalfOpen: true, noDelay: true }, fastPath.accept));
    const alone = await listening(echoServer().http);
    return async (input) => {
      const cuts = [...pieces(input, random)].slice(0, 20);
      const rest = input.subarray(cuts.reduce((sum, { length }) => sum + length, 0));
      const exchanged = (quietMs) =>
        Promise.all([fast, alone].map((port) => exchange(port, [...cuts, rest], quietMs)));
      const [ours, nodes] = await exchanged(15);
      if (same(ours, nodes)) return;
      // Where the machine was busy one of them may not have come to its end.
      const [again, againNodes] = await exchanged(300);
      if (!same(again, againNodes)) disagree('the replies are not the same', [again, againNodes]);
    };
  },
};

/** JSON that is read and not taken. */
const refused = 'refused';

/** A refusal may overtake the replies to what came before it in the same piece. */
function same(ours, nodes) {
  const [few, many] = ours.length < nodes.length ? [ours, nodes] : [nodes, ours];
  const last = few.at(-1);
  const overtaken = few.length === many.length || last?.[0] >= '400';
  const before = few.slice(0, -1);
  return overtaken && isDeepStrictEqual([...before, last], [...many.slice(0, before.length), many.at(-1)]);
}

function echoServer() {
  return createHttpServer((request, response) => {
    const chunks = [];
    request.on('error', () => {});
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      let body = Buffer.concat(chunks).toString('utf8');
      if (request.method === 'POST' && request.url === '/mcp') {
        try {
          body = JSON.stringify(parseExactJson(body));
        } catch (error) {
          if (error instanceof SallyError) body = refused;
        }
      }
      say(response, [request.method, request.url, request.headers['x-id'] ?? null, body]);
    });
  }, silentLogger);
}

function say(reply, value) {
  const json = JSON.stringify(value);
  reply.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(json) });
  reply.end(json);
}

function listening(server) {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

/** Status and body of each reply. */
async function exchange(port, parts, quietMs) {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true });
  let received = '';
  let ended = false;
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    ended = true;
  });
  await new Promise((resolve) => socket.once('connect', resolve));
  for (const part of parts) {
    socket.write(part);
    await new Promise(setImmediate);
  }
  // A request that is not whole gets no reply: there is nothing to wait for.
  for (let quiet = 0, before = -1; quiet < 2 && !ended; ) {
    await new Promise((resolve) => setTimeout(resolve, quietMs));
    quiet = received.length === before ? quiet + 1 : 0;
    before = received.length;
  }
  socket.destroy();
  const replies = received.matchAll(
    /HTTP\/1\.1 (\d{3})[^\r]*\r\n[\s\S]*?\r\n\r\n([\s\S]*?)(?=HTTP\/1\.1 |$)/g,
  );
  const answered = [...replies].map(([, status, body]) => [status, body]);
  // A refusal ends the connection. Whether what comes meanwhile is refused as well is a matter of when it comes.
  const refusal = answered.findIndex(([status]) => status >= '400');
  return refusal < 0 ? answered : answered.slice(0, refusal + 1);
}
