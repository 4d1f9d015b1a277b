import { SallyError } from '../../dist/errors.js';
import { jsonTarget } from '../lib/json-target.mjs';
import { disagree } from '../lib/judge.mjs';
import { openPlugins, openUpstream } from '../lib/programs.mjs';
import { hash } from '../lib/random.mjs';

const plugin = { name: 'Words', hooks: ['tool_pre_invoke'], mode: 'enforce', priority: 100, conditions: [] };
const learned = { get_plugin_config: [JSON.stringify(plugin)], get_plugin_configs: [JSON.stringify(plugin)] };

const words = [
  '"result":',
  '"error":',
  '"id":"ID"',
  '"content":[',
  '"continue_processing":',
  '"modified_payload":',
  '"violation":',
  '"context":',
  '"text":',
];

/** What a plugin server answers to a hook call: as the whole body where it has ID, else as the text of its one item. */
export default jsonTarget(words, async () => {
  let input = Buffer.alloc(0);
  const server = await openUpstream(({ id, params }) => {
    const reply = (texts) => ({
      body: JSON.stringify({
        jsonrpc: '2.0',
        id,
        result: { resultType: 'complete', content: texts.map((text) => ({ type: 'text', text })) },
      }),
    });
    const known = learned[params.name];
    if (known) return reply(known);
    const text = input.toString('latin1');
    if (!text.includes('"ID"')) return reply([input.toString('utf8')]);
    const body = text.replaceAll('"ID"', JSON.stringify(id));
    if (hash(input) % 2 === 0) return { body: Buffer.from(body, 'latin1') };
    return {
      type: 'text/event-stream',
      body: Buffer.from(`data: ${body.replaceAll('\n', ' ')}\n\n`, 'latin1'),
    };
  });
  const { manager, check } = await openPlugins(server);
  return {
    check,
    async run(next) {
      input = next;
      try {
        const outcome = await manager
          .request()
          .invoke('tool_pre_invoke', { name: 'search', args: { q: 'a' } });
        return { text: JSON.stringify(outcome.violation ?? {}) };
      } catch (error) {
        if (!(error instanceof SallyError)) throw error;
        if (error.code === 'SALLY_INTERNAL') disagree('a defect', error.message);
        return { text: error.message };
      }
    },
  };
});
