import { SallyError } from '../../dist/errors.js';
import { assertNoDefect, disagree } from '../lib/judge.mjs';
import { openPlugins, openUpstream } from '../lib/programs.mjs';
import { hash } from '../lib/random.mjs';

const plugin = { name: 'Words', hooks: ['tool_pre_invoke'], mode: 'enforce', priority: 100, conditions: [] };
const learned = { get_plugin_config: [JSON.stringify(plugin)], get_plugin_configs: [JSON.stringify(plugin)] };

/** What a plugin server answers to a hook call: as the whole body where it has ID, else as the text of its one item. */
export default {
  format: 'json',
  words: [
    '"result":',
    '"error":',
    '"id":"ID"',
    '"content":[',
    '"continue_processing":',
    '"modified_payload":',
    '"violation":',
    '"context":',
    '"text":',
    'null',
    '[',
    ']',
    '{',
    '}',
    ',',
  ],
  async open() {
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
    return async (next) => {
      input = next;
      const said = input.toString('utf8');
      try {
        const outcome = await manager
          .request()
          .invoke('tool_pre_invoke', { name: 'search', args: { q: 'a' } });
        assertNoDefect('the outcome', JSON.stringify(outcome.violation ?? {}), said);
      } catch (error) {
        if (!(error instanceof SallyError)) throw error;
        if (error.code === 'SALLY_INTERNAL') disagree('a defect', error.message);
        assertNoDefect('the failure', error.message, said);
      }
      check();
    };
  },
};
