import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Command } from './clients.js';

const require = createRequire(import.meta.url);

/** The real MCP servers of the development dependencies. */
const packages = {
  everything: require.resolve('@modelcontextprotocol/server-everything/package.json'),
  filesystem: require.resolve('@modelcontextprotocol/server-filesystem/package.json'),
  memory: require.resolve('@modelcontextprotocol/server-memory/package.json'),
} as const;

/** One of them as a command. */
export function serverCommand(
  name: keyof typeof packages,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Command {
  const script = join(dirname(packages[name]), 'dist/index.js');
  return { command: process.execPath, args: [script, ...args], env };
}
