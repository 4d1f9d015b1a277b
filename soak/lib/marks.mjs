import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** The tool of both upstreams: writes down that it was called with this mark, and says it back with what the plugin added. */
export async function callTool(file, { mark, guard, ms }) {
  appendFileSync(file, `${mark}\n`);
  if (ms) await sleep(ms);
  return { content: [{ type: 'text', text: `${mark} ${guard}` }] };
}

export const tool = { name: 'mark', inputSchema: { type: 'object' } };
