import { jsonTarget } from '../lib/json-target.mjs';
import { disagree } from '../lib/judge.mjs';
import { envelope, modernHeaders, openGateway, openPost, openUpstream } from '../lib/programs.mjs';
import { hash } from '../lib/random.mjs';

const id = 'the call';
const request = JSON.stringify({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'search', arguments: { q: 'crap' }, _meta: envelope },
});
const headers = modernHeaders(request);

const words = [
  '"result":',
  '"error":',
  '"id":"ID"',
  '"content":[',
  '"isError":true',
  '"resultType":"complete"',
  '"method":"ping"',
  'data: ',
  '\n\n',
  'event: message\n',
  '"structuredContent":',
  '"_meta":',
];

/** What an upstream answers to a tool call, as JSON and as a stream of events: ID stands for the id that it was asked with. */
export default jsonTarget(words, async () => {
  let input = Buffer.alloc(0);
  const upstream = await openUpstream((asked) => {
    // An event stream with an id is taken up again where it ends, with a pause: that is another target's.
    const text = input
      .toString('latin1')
      .replaceAll('"ID"', JSON.stringify(asked.id))
      .replace(/^(?:id|retry)/gm, 'x');
    if (hash(input) % 2 === 0) return { body: Buffer.from(text, 'latin1') };
    const events = text.includes('data:') ? text : `data: ${text.replaceAll('\n', ' ')}\n\n`;
    return { type: 'text/event-stream', body: Buffer.from(events, 'latin1') };
  });
  const { port, check } = await openGateway(upstream);
  const post = openPost(port);
  return {
    check,
    fine: [502, 504],
    async run(next) {
      input = next;
      const { status, text } = await post(headers, request);
      const messages = text.startsWith('{')
        ? [text]
        : [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => data);
      if (messages.length === 0) disagree('no reply', text);
      for (const message of messages) {
        const json = JSON.parse(message);
        if (json.method === undefined && json.id !== id) disagree('a reply to another call', text);
      }
      return { status, text };
    },
  };
});
