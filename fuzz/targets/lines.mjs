import { Readable } from 'node:stream';
import { receiveText } from '../../dist/mcp/client/http-reply.js';
import { cutLines, readLines } from '../../dist/mcp/lines.js';
import { rpcErrorOf } from '../../dist/mcp/requests.js';
import { pieces } from '../lib/duplex.mjs';
import { agree, refusable } from '../lib/judge.mjs';

const limit = 1_000;
const nothing = () => {};
const dialogue = { receive: nothing, receiveOfBatch: nothing, refuse: nothing };
const context = { about: {}, log: { warn: nothing, debug: nothing }, errors: { json: (error) => error } };

/** MCP over standard input and output: the lines of both sides, however they come. */
export default {
  format: 'json',
  words: ['\n', '\r\n', '\n\n', '\0', '\u00e9', '\u2028', '{"jsonrpc":"2.0"', '[', ']'],
  async open({ random }) {
    return async (input) => {
      const lines = [];
      let at = 0;
      for (let end = input.indexOf(10); end >= 0; end = input.indexOf(10, at)) {
        lines.push(input.subarray(at, end));
        at = end + 1;
      }
      const short = lines.filter((line) => line.length <= limit).map((line) => line.toString('utf8'));
      const tooLong = lines.filter((line) => line.length > limit).length;
      const unended = input.length - at > limit ? 1 : 0;

      const cut = [];
      let long = 0;
      const take = cutLines(
        limit,
        (line) => cut.push(line),
        () => {
          long += 1;
        },
      );
      for (const piece of pieces(input, random)) take(Buffer.from(piece));
      agree(
        'the lines of an upstream are others',
        cut,
        short.filter((line) => line !== ''),
      );
      agree('so many were too long', long, tooLong + unended);

      const read = [];
      for await (const line of readLines(Readable.from([...pieces(input, random)]), limit)) read.push(line);
      const trimmed = short.map((line) => line.trim()).filter((line) => line !== '');
      agree(
        'the lines of a client are others',
        read.filter(({ kind }) => kind === 'line').map(({ text }) => text),
        trimmed,
      );
      agree(
        'so many of a client were too long',
        read.filter(({ kind }) => kind === 'too-long').length,
        tooLong + unended,
      );
      // As many as a busy machine reads while nobody takes it for hanging.
      for (const line of short.slice(0, 1_000)) {
        refusable(() => receiveText(line, dialogue, context, '2025-06-18'));
        refusable(() => rpcErrorOf(line));
      }
    };
  },
};
