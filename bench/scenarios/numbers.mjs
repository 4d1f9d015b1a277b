import { parseExactJson } from '../../dist/json/index.js';
import { openGateway, startServer } from '../lib/ends.mjs';
import { startGateway, startUpstream, toolCalls } from '../lib/gateway.mjs';
import { compare } from '../lib/measure.mjs';
import { check, payloadOf } from '../lib/work.mjs';

/** Numbers as servers in Python write them, which JavaScript writes in another way; beside such as both write alike. */
export const ids = ['hook.numbers', 'gateway.numbers'];

const python = '[1.0,2.50,1e-05,0.0,100.0,3.10,12345678901234567890,7.0,0.5,-1.0]';
const alike = '[1.5,2.25,0.001,0.75,100.5,3.14,1234567890,7.25,0.5,-1.5]';

export async function run(bench, { seconds, wanted }) {
  const rows = [];
  if (wanted('hook.numbers')) {
    const server = await startServer(bench);
    const manager = await openGateway(bench, server.url, undefined, undefined, { exactNumbers: true });
    const side = (scores) => ({ call: hookCalls(manager, scores), pid: server.pid });
    rows.push(await compare('hook.numbers', side(python), side(alike), { seconds }));
  }
  if (wanted('gateway.numbers')) {
    const upstream = await startUpstream(bench);
    const gateway = await startGateway(bench, upstream);
    const side = (scores) => ({ call: toolCalls(bench, gateway.port, [], scores), pid: gateway.pid });
    rows.push(await compare('gateway.numbers', side(python), side(alike), { seconds, warmSeconds: 2 }));
  }
  return rows;
}

/** Hook calls whose payload is read from a text each time, as a gateway reads what its clients send. */
function hookCalls(manager, scores) {
  const { name, args } = payloadOf(880);
  const text = JSON.stringify({ name, args: { ...args, scores: 'SCORES' } }).replace('"SCORES"', scores);
  return async () => {
    const { payload } = await manager.request().invoke('tool_pre_invoke', parseExactJson(text));
    check(payload);
  };
}
