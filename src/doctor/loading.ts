import { type LoadReply, type LoadRequest, replyOf } from './examine-plugins.js';

/** The process in which `examine-plugins.ts` has plugins loaded. */
process.once('message', async ({ entries, base }: LoadRequest) => {
  for (const entry of entries) await send(await replyOf(entry, base));
  process.exit(0);
});

const send = (reply: LoadReply | 'ready') => new Promise((sent) => process.send?.(reply, sent));

void send('ready');
