import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Transport } from '@modelcontextprotocol/client';
import type { McpSettings } from '../config/index.js';
import {
  CallCancelled,
  ChildGone,
  ChildNotStarted,
  findSallyError,
  messageOf,
  type SallyError,
} from '../errors.js';
import type { CallScope } from '../plugin/scope.js';
import type { Connection, ConnectionDeps } from './connection.js';
import { openSession } from './session.js';

type StdioSettings = Extract<McpSettings, { transport: 'stdio' }>;

/** How long a child that died is left alone before it is started again, in milliseconds: doubled each time. */
const backoff = { first: 100, most: 10_000 } as const;

/**
 * The way to a plugin server that is a child process. It is started by the first call, and again by a later one after
 * it died, not at once but with a growing pause; a call that succeeds ends the pause. Its end of the pipe closes with
 * this process, so none is left behind.
 */
export function openStdioConnection(settings: StdioSettings, deps: ConnectionDeps): Connection {
  const peer = `the plugin server ${[settings.command, ...settings.args].map((word) => basename(word)).join(' ')}`;
  let pause = 0;
  let startedAt = 0;
  const transport = async (): Promise<Transport> => {
    const wait = startedAt + pause - Date.now();
    if (wait > 0) await sleep(wait);
    pause = Math.min(pause === 0 ? backoff.first : pause * 2, backoff.most);
    startedAt = Date.now();
    const { getDefaultEnvironment, StdioClientTransport } = await import(
      '@modelcontextprotocol/client/stdio'
    );
    const { command, args, env, cwd } = settings;
    const child = new StdioClientTransport({
      command,
      args: [...args],
      // A child gets what it needs to run, and what its entry gives it: no secret of this process.
      env: { ...getDefaultEnvironment(), ...env },
      ...(cwd !== undefined && { cwd }),
      stderr: 'pipe',
      maxBufferSize: 8_000_000,
    });
    const lines = createInterface({ input: child.stderr as Readable });
    lines.on('line', (line) =>
      deps.log.debug({ peer, line: line.slice(0, 1_000) }, 'the plugin server says'),
    );
    return child;
  };
  const session = openSession({ peer, transport, era: 'legacy', timeoutMs: deps.timeoutMs });
  return {
    peer,
    async call(tool, args, scope) {
      try {
        const reply = await session.call(tool, args, scope);
        pause = 0;
        return reply;
      } catch (error) {
        throw explain(error, settings, peer, tool, scope);
      }
    },
    close: () => session.close(),
  };
}

function explain(
  error: unknown,
  { command }: StdioSettings,
  peer: string,
  tool: string,
  scope: CallScope,
): SallyError {
  const known = findSallyError(error) ?? findSallyError(scope.reason);
  if (known) return known;
  if (scope.aborted) return CallCancelled({ plugin: peer, hook: tool });
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'EACCES') return ChildNotStarted({ peer, command, reason: code }, error);
  return ChildGone({ peer, detail: messageOf(error) }, error);
}
