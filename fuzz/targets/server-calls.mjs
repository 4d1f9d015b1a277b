import { assertNoDefect, disagree } from '../lib/judge.mjs';
import { modernHeaders, openPost, openServer } from '../lib/programs.mjs';
import { hash } from '../lib/random.mjs';

/** Bodies at a plugin server, as gateways of every revision send them. */
export default {
  format: 'json',
  words: [
    '"method":',
    '"params":',
    '"arguments":',
    '"name":"invoke_hook"',
    '"name":"invoke_hooks"',
    '"jsonrpc":"2.0"',
    '"id":',
    'null',
    '[',
    ']',
    '{',
    '}',
    ',',
  ],
  async open() {
    const { port, check } = await openServer();
    const post = openPost(port);
    return async (input) => {
      const eras = [modernHeaders(input), { 'mcp-protocol-version': '2025-11-25' }, {}];
      const { status, text } = await post(eras[hash(input) % eras.length], input);
      if (status >= 500) disagree(`status ${status}`, text);
      assertNoDefect('the reply', text, input.toString('utf8'));
      check();
    };
  },
};
