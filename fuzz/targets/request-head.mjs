import { createServer } from 'node:http';
import { readPlainHead } from '../../dist/http/request-head.js';
import { memoryConnection, settled } from '../lib/duplex.mjs';
import { agree, disagree } from '../lib/judge.mjs';

const requestLine = 'POST /mcp HTTP/1.1';

/** The head that the fast path reads by itself, beside Node's parser: what it takes, that has to take as the same. */
export default {
  words: [
    '\r\n',
    '\r',
    '\n',
    ' ',
    '\t',
    ':',
    ',',
    '\0',
    '\u00e9',
    'Content-Length: 3',
    'Host: a',
    'Host:',
    'Connection: close',
    'Transfer-Encoding: chunked',
    'Expect: 100-continue',
    'HTTP/1.0',
    'Upgrade: h2c',
    '__proto__: 1',
    'Cookie: a',
  ],
  async open() {
    let request;
    const server = createServer((incoming) => {
      request = incoming;
    });
    return async (input) => {
      const text = input.toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      const head = readPlainHead(end < 0 ? text : text.slice(0, end), requestLine);
      // Longer ones go to Node in any case.
      if (head === undefined || text.length > 16_000) return;
      request = undefined;
      const connection = memoryConnection();
      server.emit('connection', connection);
      connection.push(Buffer.from(end < 0 ? `${text}\r\n\r\n` : text.slice(0, end + 4), 'latin1'));
      await settled();
      if (request === undefined) disagree('Node refuses what the fast path takes', [text, connection.sent()]);
      const { 'content-length': length, ...headers } = request.headers;
      agree('the headers are not the same', { ...head.headers }, headers);
      agree('the length is not the same', head.contentLength, Number(length));
      connection.destroy();
    };
  },
};
