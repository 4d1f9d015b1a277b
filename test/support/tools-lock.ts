import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { type Finished, sallyport } from './command.js';
import { temporaryFolder } from './folder.js';

const server = resolve(import.meta.dirname, 'mcp-listed.mjs');

/** What `mcp-listed.mjs` lists. */
export interface Listed {
  readonly instructions?: string;
  readonly tools?: readonly object[];
  readonly prompts?: readonly object[];
  readonly resources?: readonly object[];
  readonly templates?: readonly object[];
  /** Members of the result of tools/list beside its tools. */
  readonly beside?: object;
  /** Whether it tells of a change. */
  readonly tells?: boolean;
}

/** A folder with upstreams whose lists can be changed, and `gateway.yaml` with a lock over them. */
export async function lockedWorld(lists: Readonly<Record<string, Listed>>, lock: object = {}) {
  const folder = await temporaryFolder();
  const file = (name: string) => join(folder, name);
  const list = (name: string, listed: Listed) => writeFile(file(`${name}.json`), JSON.stringify(listed));
  for (const [name, listed] of Object.entries(lists)) await list(name, listed);
  const upstreams = Object.fromEntries(
    Object.keys(lists).map((name) => [
      name,
      { command: process.execPath, args: [server, file(`${name}.json`)] },
    ]),
  );
  const config = { gateway: { tools_lock: { file: file('tools.lock'), ...lock }, upstreams } };
  await writeFile(file('gateway.yaml'), stringify({ plugins: [], ...config }));
  return {
    folder,
    config,
    file,
    /** Has an upstream list something else from now on. */
    list,
    /** `sallyport tools …` of this folder. */
    tools: (command: string, ...args: string[]): Promise<Finished> =>
      sallyport(['tools', command, '--config', 'gateway.yaml', ...args], { cwd: folder }),
    read: (name = 'tools.lock') => readFile(file(name), 'utf8'),
    /** The tools that an upstream was called for. */
    called: (name: string) => readFile(file(`${name}.json.called`), 'utf8').catch(() => ''),
  };
}

/** A tool as servers list it. */
export const tool = (name: string, more: object = {}) => ({
  name,
  description: `Does what ${name} says.`,
  inputSchema: { type: 'object', properties: { path: { type: 'string' } } },
  annotations: { readOnlyHint: true },
  ...more,
});
