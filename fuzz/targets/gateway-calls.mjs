import { jsonTarget } from '../lib/json-target.mjs';
import { modernHeaders, openGateway, openPost, openUpstream } from '../lib/programs.mjs';
import { hash } from '../lib/random.mjs';

const words = [
  '"method":',
  '"params":',
  '"arguments":',
  '"_meta":',
  '"jsonrpc":"2.0"',
  '"id":',
  '"progressToken":',
];

/** Bodies at a gateway, as clients of both eras send them. */
export default jsonTarget(words, async () => {
  const upstream = await openUpstream(({ id }) => ({
    body: JSON.stringify({
      jsonrpc: '2.0',
      id,
      result: { resultType: 'complete', content: [{ type: 'text', text: 'crap' }] },
    }),
  }));
  const { port, check } = await openGateway(upstream, {
    limits: { sessions: 5_000, sessions_per_user: 5_000 },
  });
  const post = openPost(port);
  const clientInfo = { name: 'fuzz', version: '1.0.0' };
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
  const begin = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  let session;
  return {
    check,
    // For what a gateway cannot do at the moment, and says so.
    fine: [503],
    async run(input) {
      session ??= (await post({}, begin)).headers['mcp-session-id'];
      const eras = [
        modernHeaders(input),
        { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' },
        {},
      ];
      const reply = await post(eras[hash(input) % eras.length], input);
      if (reply.status === 404) session = undefined;
      return reply;
    },
  };
});
