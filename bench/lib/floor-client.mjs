// The floor's side that calls: a hook call through undici, with no more than it takes.
import { readFileSync } from 'node:fs';
import { Pool } from 'undici';

/** Calls of the floor's server at this port: a payload in, the one that the plugin made of it out. */
export function floorCalls(port, { cert, key, ca }, plugin) {
  const pool = new Pool(`https://localhost:${port}`, {
    connections: 64,
    connect: { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ca) },
  });
  let id = 0;
  const call = async (payload) => {
    id += 1;
    const args = {
      hook_type: 'tool_pre_invoke',
      plugin_name: plugin,
      payload,
      context: { global_context: { request_id: `${id}` } },
    };
    const { statusCode, body } = await pool.request({
      path: '/mcp',
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: { name: 'invoke_hook', arguments: args },
      }),
    });
    const reply = JSON.parse(await body.text());
    const { result } = JSON.parse(reply.result.content[0].text);
    if (statusCode !== 200 || typeof result.continue_processing !== 'boolean') throw new Error('no reply');
    return result.modified_payload;
  };
  return { call, close: () => pool.destroy() };
}
