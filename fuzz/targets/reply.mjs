import { request } from 'node:http';
import { ReplyParser } from '../../dist/http/reply-parser.js';
import { memoryConnection, pieces, settled } from '../lib/duplex.mjs';
import { agree, refusable } from '../lib/judge.mjs';

/** Replies of plugin servers and upstreams: the same however they are cut, and as Node's parser reads them where both do. */
export default {
  words: [
    '\r\n',
    '\n',
    '\0',
    ' ',
    ';',
    ',',
    '0\r\n\r\n',
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.0',
    '100 Continue',
    '204',
    '304',
    'Content-Length: 5\r\n',
    'Transfer-Encoding: chunked\r\n',
    'gzip',
    'Connection: close\r\n',
    'Keep-Alive: timeout=',
    'fffffffffffff',
    '5;a="b"\r\nhello\r\n',
  ],
  async open({ random }) {
    return async (input) => {
      const whole = refusable(() => read([input]));
      const cut = refusable(() => read(pieces(input, random)));
      agree('cut in another way it is another reply', whole, cut);
      if (!whole?.done || whole.excess) return;
      const judged = await readByNode(input);
      if (judged) agree('Node reads another reply', [whole.status, whole.body], judged);
    };
  },
};

function read(cut) {
  const parts = [...cut];
  const parser = new ReplyParser('a peer', 100_000, () => undefined);
  for (const part of parts) parser.feed(part);
  const { done } = parser;
  const reply = readReply(parser);
  if (!done || reply.excess) return reply;
  // The next one on the connection, which is the same, is read by comparison.
  parser.next();
  for (const part of parts) parser.feed(part);
  agree('the same again is another reply', readReply(parser), reply);
  return reply;
}

function readReply(parser) {
  const done = parser.end();
  const { head, excess } = parser;
  const fields = head && [...head.headers];
  return { done, excess, status: head?.status, fields, body: parser.body.whole().toString('latin1') };
}

/** Status and body as Node has them; undefined where it refuses. */
async function readByNode(input) {
  const connection = memoryConnection();
  let answer;
  const outgoing = request({ createConnection: () => connection, method: 'POST' });
  outgoing.on('error', () => {});
  outgoing.on('upgrade', () => {});
  outgoing.on('response', (incoming) => {
    let body = '';
    incoming.setEncoding('latin1');
    incoming.on('error', () => {});
    incoming.on('data', (text) => {
      body += text;
    });
    incoming.on('end', () => {
      answer = [incoming.statusCode, body];
    });
  });
  outgoing.end();
  await settled(1);
  connection.push(input);
  connection.push(null);
  await settled();
  connection.destroy();
  return answer;
}
