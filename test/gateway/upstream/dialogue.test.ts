import { expect, it } from 'vitest';
import { upstreamErrors } from '../../../src/gateway/upstream/errors.js';
import { defaultPace, type UpstreamContext } from '../../../src/gateway/upstream/options.js';
import { silentLogger } from '../../../src/log.js';
import { Dialogue } from '../../../src/mcp/client/dialogue.js';

const context = {
  upstream: 'a',
  errors: upstreamErrors('a'),
  times: { silent: { ms: 60_000 } },
  log: silentLogger,
  pace: defaultPace,
} as UpstreamContext;
/** As what is nested too deep, for some versions of Node, it cannot be written. */
const unwritable = 1n;

it('goes on after a notification that cannot be passed on', () => {
  const dialogue = new Dialogue(context, () => {});
  const heard: string[] = [];
  dialogue.listeners = { onNotification: (_, params) => void heard.push(JSON.stringify(params)) };
  dialogue.receive({ method: 'notifications/message', params: { unwritable } });
  dialogue.receive({ method: 'notifications/message', params: { data: 1 } });
  expect(heard).toEqual(['{"data":1}']);
});

it('answers an upstream with an error where the answer cannot be written', async () => {
  const said = await new Promise((resolve) => {
    const dialogue = new Dialogue(context, (message) => resolve(JSON.parse(JSON.stringify(message))));
    dialogue.listeners = { onRequest: async () => ({ result: { unwritable } }) };
    dialogue.receive({ id: 7, method: 'sampling/createMessage' });
  });
  expect(said).toMatchObject({ id: 7, error: { code: -32603 } });
});
