import { readChainArguments, writeChainArguments } from '../../dist/wire/chain.js';
import {
  callHook,
  describePlugin,
  readChainReply,
  readInvokeArguments,
  readNameArgument,
  readPluginReport,
  readReply,
} from '../../dist/wire/index.js';
import { agree, refusable } from '../lib/judge.mjs';

/** The wire between gateway and plugin server, a hook call and a chain of them, in both directions. */
export default {
  format: 'json',
  words: [
    '"result":',
    '"error":',
    '"continue_processing":true',
    '"modified_payload":',
    '"violation":',
    '"context":',
    '"replies":[',
    'null',
    '"late":true',
    '"__proto__":',
    '"global_context":',
    '"request_id":',
  ],
  async open() {
    return (input) => {
      const text = input.toString('utf8');
      refusable(() => readReply(text));
      refusable(() => readChainReply(text, ['P', 'Q', 'P']));
      const report = refusable(() => readPluginReport(text));
      // As a gateway takes a report into an entry of its own: what is null is not there.
      if (typeof report === 'object' && report !== null) {
        const given = Object.entries(report).filter(([, value]) => value !== null);
        describePlugin({ kind: 'a', ...Object.fromEntries(given) }, report.hooks ?? []);
      }
      let json;
      try {
        json = JSON.parse(text);
      } catch {
        return;
      }
      refusable(() => readNameArgument(json));
      const call = refusable(() => readInvokeArguments(json));
      if (call) {
        const { hook_type: hook, plugin_name: plugin, payload, context } = call;
        let written = '';
        const connection = { call: (_tool, args) => (written = args) };
        void callHook(connection, { hook, plugin, payload, context });
        const again = readInvokeArguments(JSON.parse(written));
        agree('a call is not the same once it was written', plain(again), plain(call));
      }
      const chain = refusable(() => readChainArguments(json));
      if (chain) {
        const again = readChainArguments(JSON.parse(writeChainArguments(chain)));
        agree('a chain is not the same once it was written', plain(known(again)), plain(known(chain)));
      }
    };
  },
};

const plain = (value) => JSON.parse(JSON.stringify(value));

/** What is not of the contract is let go. */
function known({ hook_type, payload, timeout_ms, global_context, plugins }) {
  const steps = plugins.map(({ plugin_name, state, metadata, on_violation, on_error, modifies }) => {
    return { plugin_name, state, metadata, on_violation, on_error, modifies };
  });
  return { hook_type, payload, timeout_ms, global_context, plugins: steps };
}
