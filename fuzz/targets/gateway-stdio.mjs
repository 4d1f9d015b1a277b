import { PassThrough } from 'node:stream';
import { jsonTarget } from '../lib/json-target.mjs';
import { disagree } from '../lib/judge.mjs';
import { openGateway, openUpstream } from '../lib/programs.mjs';

const words = ['\n', '"method":', '"params":', '"jsonrpc":"2.0"', '"id":', '"_meta":'];

/** What a client writes to `sallyport gateway --stdio`: whatever it is, nothing but messages comes back. */
export default jsonTarget(words, async () => {
  const upstream = await openUpstream(({ id }) => ({
    body: JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', content: [] } }),
  }));
  const { gateway, check } = await openGateway(upstream);
  return {
    check,
    async run(next) {
      const input = new PassThrough();
      const output = new PassThrough();
      let text = '';
      output.on('data', (chunk) => {
        text += chunk;
      });
      const { signal } = new AbortController();
      const serving = gateway.serveStdio({ input, output, signal });
      input.end(Buffer.concat([next, Buffer.from('\n')]));
      await serving;
      for (const line of text.split('\n').filter(Boolean)) {
        if (JSON.parse(line).jsonrpc !== '2.0') disagree('a line that is no message', line);
      }
      return { text };
    },
  };
});
