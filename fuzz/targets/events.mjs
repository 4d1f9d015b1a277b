import { UpstreamReplyTooLarge } from '../../dist/errors.js';
import { ReplyStream } from '../../dist/http/reply-stream.js';
import { readEvents } from '../../dist/mcp/events.js';
import { pieces } from '../lib/duplex.mjs';
import { agree } from '../lib/judge.mjs';

const limit = 50_000;

/** Event streams of upstreams: the same however they are cut, and what the specification makes of them. */
export default {
  words: [
    'data: ',
    'data:',
    'event: message\n',
    'event: x\n',
    'id: 1\n',
    'id\n',
    'retry: 10\n',
    ': comment\n',
    '\n\n',
    '\r\n\r\n',
    '\r',
    '\ufeff',
    '\0',
    '\u2028',
  ],
  async open({ random }) {
    return async (input) => {
      const whole = await read([input]);
      const cut = await read(pieces(input, random));
      if (whole.error || cut.error) {
        // How much is held at once depends on the pieces: what fits for one may not for the other.
        for (const { error } of [whole, cut]) {
          if (error && error.code !== 'SALLY_UPSTREAM_REPLY_SIZE') throw error;
        }
        return;
      }
      agree('cut in another way they are other events', whole, cut);
      agree('the specification has other events', whole.data, bySpecification(input.toString('utf8')));
    };
  },
};

async function read(parts) {
  const data = [];
  const position = {};
  const stream = new ReplyStream({ resume() {}, leave() {}, close() {} });
  const body = {
    read: (take) => stream.read(take),
    destroy: (error) => stream.destroy(error),
    dump: () => stream.leave(),
  };
  const size = { bytes: limit, tooLarge: () => UpstreamReplyTooLarge({ upstream: 'a', limit }) };
  const reading = readEvents(body, position, size, (text) => data.push(text));
  for (const part of parts) stream.push(Buffer.from(part));
  stream.end({});
  const error = await reading;
  return { data, position, error };
}

/** WHATWG HTML section 9.2.6, as it is written there. */
function bySpecification(text) {
  const events = [];
  let data = [];
  let type = '';
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|\r|\n/);
  // What is not ended by a line end is not a line yet.
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      const joined = data.join('\n');
      if (joined !== '' && (type === '' || type === 'message')) events.push(joined);
      data = [];
      type = '';
      continue;
    }
    const colon = line.indexOf(':');
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') data.push(value);
    else if (field === 'event') type = value;
  }
  return events;
}
