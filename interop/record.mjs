import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { payloads } from './hooks.mjs';
import { ourGateway, ourServer, theirGateway, theirServer } from './lib/ends.mjs';
import { root, withPeers } from './lib/prepare.mjs';
import { startRecorder } from './lib/proxy.mjs';
import { peers } from './peers.mjs';

// Makes test/replay/recordings/ anew: for each peer one session in which it calls Sallyport (`.client.json`), and one
// in which Sallyport calls it (`.server.json`). `make test` replays them, without Python.

const probe = (args) => ({ name: 'probe', args });
const violation = {
  reason: 'not allowed',
  description: 'größer ≠ besser',
  code: 'PROBE_BLOCKED',
  details: { list: [1, null] },
  mcp_error_code: -32042,
};

/** The calls of a session. Those of one request share their contexts. */
const calls = [
  ...Object.entries(payloads).map(([hook, payload]) => ({ hook, payload, request: `every-${hook}` })),
  { hook: 'tool_pre_invoke', payload: probe({ do: 'nothing' }), request: 'nothing' },
  { hook: 'tool_pre_invoke', payload: probe({ do: 'block', violation }), request: 'block' },
  { hook: 'tool_pre_invoke', payload: probe({ do: 'fail' }), request: 'fail' },
  {
    hook: 'tool_pre_invoke',
    payload: probe({ do: 'mirror', none: null, deep: { none: null } }),
    request: 'nulls',
  },
  { hook: 'tool_pre_invoke', payload: probe({ do: 'remember', note: 'kept' }), request: 'state' },
  { hook: 'tool_post_invoke', payload: { name: 'probe', result: { ok: true } }, request: 'state' },
  {
    hook: 'tool_pre_invoke',
    payload: probe({ do: 'count' }),
    request: 'global',
    global: { state: { tally: 3 } },
  },
];

const target = join(root, 'test/replay/recordings');

await withPeers(peers, async ({ pythons, folder }) => {
  await mkdir(target, { recursive: true });
  for (const peer of peers) {
    const place = { root, folder, python: pythons.get(peer), transport: 'http' };
    const sessions = { client: [ourServer, theirGateway], server: [theirServer, ourGateway] };
    for (const [role, [startServer, openGateway]] of Object.entries(sessions)) {
      const server = await startServer({ ...place, hooks: Object.keys(payloads) });
      const lines = await record({ server, openGateway, place });
      await server.stop();
      const text = [{ peer: peer.title }, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('');
      await writeFile(join(target, `${peer.id}.${role}.jsonl`), scrub(text));
      process.stdout.write(`${peer.id}.${role}.jsonl: ${lines.length} lines\n`);
    }
  }
});
process.exit(0);

/** The lines of a session: each call stands after the exchanges that it led to. */
async function record({ server, openGateway, place }) {
  const lines = [];
  const recorder = await startRecorder(server.mcp.url, (exchange) => lines.push(exchange));
  const entry = (name) => ({
    entries: [{ name, kind: 'external', mcp: { ...server.mcp, url: recorder.url } }],
  });
  const gateway = await openGateway({ ...place, ...entry('Probe') });
  for (const { hook, payload, ...request } of calls) {
    const { error, ...answer } = await gateway.call(hook, payload, request);
    lines.push({ call: { hook, payload, ...request }, answer: error ? { error: error.message } : answer });
  }
  await gateway.close();
  const nobody = await openGateway({ ...place, ...entry('Nowhere') }).catch(() => undefined);
  await nobody?.close();
  recorder.close();
  return lines;
}

/** Session ids become session-1, session-2, … in the order of their appearance; nothing else here is of one run. */
function scrub(text) {
  const ids = new Set([...text.matchAll(/"mcp-session-id":"([^"]+)"/g)].map(([, id]) => id));
  return [...ids].reduce((all, id, index) => all.replaceAll(id, `session-${index + 1}`), text);
}
