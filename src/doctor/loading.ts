import { type LoadReply, type LoadRequest, replyOf } from './examine-plugins.js';

/** The process in which `examine-plugins.ts` has plugins loaded. */
// A module that waits for what never comes is to be told from one that ends its process.
process.channel?.ref();
// A promise that it leaves behind ends no program that serves, either.
process.on('unhandledRejection', () => {});
process.on('uncaughtException', () => {});
process.once('message', async ({ entries, base }: LoadRequest) => {
  for (const entry of entries) await send(await replyOf(entry, base));
  process.exit(0);
});

const send = (reply: LoadReply | 'ready') => new Promise((sent) => process.send?.(reply, sent));

void send('ready');
