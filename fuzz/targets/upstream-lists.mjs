import { assertNoDefect, disagree } from '../lib/judge.mjs';
import { envelope, modernHeaders, openGateway, openPost, openUpstream } from '../lib/programs.mjs';

const id = 'the list';
const request = JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/list', params: { _meta: envelope } });
const headers = modernHeaders(request);

/** What an upstream says that it offers: ID stands for the id that it was asked with. */
export default {
  format: 'json',
  words: [
    '"tools":[',
    '"name":',
    '"inputSchema":',
    '"properties":',
    '"x-mcp-header":"A"',
    '"nextCursor":"x"',
    '"_meta":',
    '"ttlMs":0',
    '[',
    ']',
    '{',
    '}',
    ',',
  ],
  async open() {
    let input = Buffer.from('{"id":"ID","result":{"tools":[]}}');
    const answer = (asked) => ({
      body: Buffer.from(input.toString('latin1').replaceAll('"ID"', JSON.stringify(asked.id)), 'latin1'),
    });
    const upstream = await openUpstream(answer, 'tools/list');
    const { port, check } = await openGateway(upstream);
    const post = openPost(port);
    return async (next) => {
      // Each is asked for anew: a list is kept for as long as its upstream says.
      input = Buffer.from(next.toString('latin1').replaceAll(/"ttlMs":\d+/g, '"ttlMs":0'), 'latin1');
      const { status, text } = await post(headers, request);
      if (status >= 500 && status !== 502 && status !== 504) disagree(`status ${status}`, text);
      const messages = text.startsWith('{')
        ? [text]
        : [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data]) => data);
      if (messages.length === 0) disagree('no reply', text);
      for (const message of messages) JSON.parse(message);
      assertNoDefect('the reply', text, input.toString('utf8'));
      check();
    };
  },
};
