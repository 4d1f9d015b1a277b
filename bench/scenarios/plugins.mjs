import { hookCall, openGateway, pluginName, startServer } from '../lib/ends.mjs';
import { compare } from '../lib/measure.mjs';

/** A thousand configured plugins of which one applies; the floor is that one alone. */
export const ids = ['plugins.1000'];

export async function run(bench, { seconds }) {
  const server = await startServer(bench);
  const side = async (entries) => ({
    call: hookCall(await openGateway(bench, server.url, entries, 'on-first-call')),
    pid: server.pid,
  });
  const others = Array.from({ length: 999 }, (_, i) => ({
    name: `Other${i}`,
    hooks: [i % 2 === 0 ? 'tool_pre_invoke' : 'tool_post_invoke'],
    conditions: [{ tools: [`tool-${i}`] }],
  }));
  const entries = [...others.slice(0, 500), { name: pluginName }, ...others.slice(500)];
  const thousand = await side(entries);
  const one = await side([{ name: pluginName }]);
  return [await compare('plugins.1000', thousand, one, { seconds })];
}
