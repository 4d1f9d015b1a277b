import { jsonTarget } from '../lib/json-target.mjs';
import { modernHeaders, openPost, openServer } from '../lib/programs.mjs';
import { hash } from '../lib/random.mjs';

const words = [
  '"method":',
  '"params":',
  '"arguments":',
  '"name":"invoke_hook"',
  '"name":"invoke_hooks"',
  '"jsonrpc":"2.0"',
  '"id":',
];

/** Bodies at a plugin server, as gateways of every revision send them. */
export default jsonTarget(words, async () => {
  const { port, check } = await openServer();
  const post = openPost(port);
  return {
    check,
    run(input) {
      const eras = [modernHeaders(input), { 'mcp-protocol-version': '2025-11-25' }, {}];
      return post(eras[hash(input) % eras.length], input);
    },
  };
});
