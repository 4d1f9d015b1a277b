import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Command } from './clients.js';

const resolve = createRequire(import.meta.url).resolve;

/** A real MCP server of the development dependencies, as a command. */
export function serverCommand(name: string, args: readonly string[] = [], env = {}): Command {
  const script = join(dirname(resolve(`@modelcontextprotocol/server-${name}/package.json`)), 'dist/index.js');
  return { command: process.execPath, args: [script, ...args], env };
}
