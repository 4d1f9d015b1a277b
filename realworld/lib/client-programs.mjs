import { existsSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { cache, npm, pinned, pypi, pythonOf, root } from './programs.mjs';

const programs = join(root, 'realworld/clients');

/** A program in `clients/`, which is run from the folder where its package is installed. */
export function npmClient(group, name, program) {
  const folder = join(cache, group);
  return {
    ...npmPackage(group, name),
    async start() {
      await cp(programs, join(folder, 'programs'), { recursive: true });
      return { command: process.execPath, args: [join(folder, 'programs', `${program}.mjs`)] };
    },
  };
}

function npmPackage(group, name) {
  const file = join(cache, group, 'node_modules', name, 'package.json');
  const version = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : '?');
  return { package: name, from: 'npm', needs: [group], version };
}

export function pythonClient(environment, name, program) {
  const { program: _unused, ...known } = pypi(environment, name);
  const command = pythonOf(environment);
  return { ...known, start: async () => ({ command, args: [join(programs, `${program}.py`)] }) };
}

export function goClient(name, program) {
  const version = () => pinned('clients/go/go.mod', name).replace(/^v/, '');
  const command = join(cache, 'goclients', program);
  return {
    package: name,
    from: 'Go',
    needs: ['goclients'],
    version,
    start: async () => ({ command, args: [] }),
  };
}

/** A program that stands between a client over stdio and a server over HTTP: the TypeScript SDK is the client. */
export function through(bridge) {
  const known = bridges[bridge].known;
  const sdk = npmClient('npm-clients', '@modelcontextprotocol/sdk', 'sdk-1');
  return {
    ...known,
    needs: [...known.needs, ...sdk.needs],
    start: sdk.start,
    bridge: bridges[bridge].command,
  };
}

const bridges = {
  'mcp-remote': {
    known: npmPackage('npm-clients', 'mcp-remote'),
    command: (url) => ({
      command: process.execPath,
      args: [
        join(cache, 'npm-clients/node_modules/mcp-remote/dist/proxy.js'),
        url,
        '--allow-http',
        '--transport',
        'http-only',
      ],
    }),
  },
  supergateway: {
    known: npm('supergateway', 'dist/index.js'),
    command: (url) => ({
      command: process.execPath,
      args: [
        join(cache, 'npm-servers/node_modules/supergateway/dist/index.js'),
        '--streamableHttp',
        url,
        '--logLevel',
        'none',
      ],
    }),
  },
  'mcp-proxy': {
    known: pypi('proxy', 'mcp-proxy'),
    command: (url) => ({
      command: join(cache, 'python-proxy/bin/mcp-proxy'),
      args: ['--transport', 'streamablehttp', url],
    }),
  },
};
