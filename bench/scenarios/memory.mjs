import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { progress } from '../../scripts/progress.mjs';
import { openSessions, startGateway } from '../lib/gateway.mjs';
import { residentMb } from '../lib/measure.mjs';

/** What a gateway holds of many: resident megabytes with nobody there, and after each step; the last steps are to add nothing. */
export const ids = ['memory.1000'];

const clients = 1_000;
const upstreams = 50;
const toolsOfOne = 100;
/** A list of them all is 1.7 MB: so many ask for it. */
const listing = 50;
const script = fileURLToPath(new URL('../lib/many-tools.mjs', import.meta.url));

export async function run(bench) {
  const { line: port } = await bench.start([script, String(toolsOfOne)], 'stdout');
  const names = Array.from({ length: upstreams }, (_, i) => `up${i}`);
  const entries = Object.fromEntries(
    names.map((name) => [name, { url: `http://127.0.0.1:${port}/${name}/mcp` }]),
  );
  const gateway = await startGateway(bench, 0, [], { gateway: { upstreams: entries } });
  const pool = new Pool(`http://127.0.0.1:${gateway.port}`, { connections: 16 });
  bench.onClose(() => pool.destroy());
  const ask = async (session, id, method, params) => {
    const { body } = await pool.request({
      path: '/mcp',
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-session-id': session,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id, method, params }),
    });
    const text = await body.text();
    if (!text.includes('"result"')) throw new Error(text.slice(0, 500));
    return text;
  };
  const toolOf = (i) => `up${i % upstreams}__tool_${Math.floor(i / upstreams) % toolsOfOne}`;
  let last = 0;
  const calls = async (sessions, count) => {
    const end = last + count;
    const one = async () => {
      while (last < end) {
        const i = last;
        last += 1;
        await ask(sessions[i % sessions.length], i, 'tools/call', {
          name: toolOf(i),
          arguments: { query: `q${i}` },
        });
      }
    };
    await Promise.all(Array.from({ length: 16 }, one));
  };

  const memoryMb = { idle: residentMb(gateway.pid) };
  const step = (name) => {
    memoryMb[name] = residentMb(gateway.pid);
    progress.show(`bench: ${ids[0]}, ${name}`);
  };
  const sessions = await openSessions(bench, gateway.port, clients);
  step('sessions');
  const listed = await ask(sessions[0], 0, 'tools/list', {});
  const tools = JSON.parse(listed).result.tools.length;
  for (const session of sessions.slice(0, listing)) await ask(session, 0, 'tools/list', {});
  step('lists');
  await calls(sessions, 5_000);
  step('calls');
  await calls(sessions, 10_000);
  step('more calls');
  for (const session of sessions.slice(0, listing)) await ask(session, 0, 'tools/list', {});
  step('more lists');
  const page = await pool.request({ path: '/metrics', method: 'GET' });
  const text = await page.body.text();
  step('metrics');
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
  return [
    { id: ids[0], clients, upstreams, tools, memoryMb, series, metricsKb: Math.round(text.length / 1_000) },
  ];
}
