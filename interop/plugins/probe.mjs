import { setTimeout as sleep } from 'node:timers/promises';
import { block, definePlugin, modify, proceed } from 'sallyport/plugin';
import { marks } from '../hooks.mjs';

/** What `args.do` of a tool hook may ask for. The Python probe (peers/probe.py) has the same list. */
const deeds = {
  nothing: () => proceed(),
  modify: (payload) => modify({ ...payload, args: { ...payload.args, added: { by: 'probe', none: null } } }),
  mirror: (payload) => modify({ ...payload, args: { received: payload.args } }),
  block: (payload) => block({ ...payload.args.violation }),
  fail: () => {
    throw Object.assign(new Error('the probe was told to fail'), { code: 'PROBE_FAILED' });
  },
  remember: (payload, context) => {
    context.state.note = payload.args.note;
    context.metadata.step = 'pre';
    return proceed({ remembered: true });
  },
  count: (_payload, context) => {
    const { state } = context.global_context;
    state.tally = (state.tally ?? 0) + 1;
    return proceed();
  },
  context: (payload, context) => modify({ ...payload, args: { context } }),
  extras: (payload) => ({
    ...modify({ ...payload, args: { ...payload.args, seen: true }, later: { version: 2 } }),
    interop_later: { version: 2 },
    interop_none: null,
  }),
  pid: () => proceed({ pid: process.pid }),
  wait: async (payload) => {
    await sleep(payload.args.ms);
    return modify({ ...payload, args: { ...payload.args, done: true } });
  },
};

/** A plugin that does what a payload asks for, so that the other side can be judged by what comes back. */
export default definePlugin({
  setup: (_config, { name }) => {
    const own = (payload) => payload.name.toLowerCase() === name.toLowerCase();
    const marking = Object.fromEntries(
      Object.entries(marks).map(([hook, mark]) => [hook, (payload) => modify(mark(payload))]),
    );
    return {
      hooks: {
        ...marking,
        tool_pre_invoke: (payload, context) => {
          const deed = own(payload) ? deeds[payload.args?.do] : undefined;
          return deed?.(payload, context) ?? proceed();
        },
        tool_post_invoke: (payload, context) => {
          if (!own(payload)) return proceed();
          const { note = null } = context.state;
          return modify({
            ...payload,
            result: { ...payload.result, note, step: context.metadata.step ?? null },
          });
        },
      },
    };
  },
});
