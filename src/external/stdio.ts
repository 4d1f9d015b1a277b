import { basename } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Transport } from '@modelcontextprotocol/client';
import type { Cancellation } from '../cancel.js';
import type { McpSettings } from '../config/index.js';
import {
  CallCancelled,
  ChildGone,
  ChildNotStarted,
  findSallyError,
  messageOf,
  type SallyError,
} from '../errors.js';
import { backoff } from '../wait.js';
import { ChildTransport } from './child.js';
import type { Connection, ConnectionDeps } from './connection.js';
import { openSession } from './session.js';

type StdioSettings = Extract<McpSettings, { transport: 'stdio' }>;

/** How long a child that died is left alone before it is started again, in milliseconds: doubled each time. */
const pace = { retryFirst: 100, retryMost: 10_000 } as const;

/**
 * The way to a plugin server that is a child process. It is started by the first call, and again by a later one after
 * it died, not at once but with a growing pause; a call that succeeds ends the pause. Its end of the pipe closes with
 * this process, so none is left behind.
 */
export function openStdioConnection(settings: StdioSettings, deps: ConnectionDeps): Connection {
  const peer = `the plugin server ${[settings.command, ...settings.args].map((word) => basename(word)).join(' ')}`;
  let starts = 0;
  let startedAt = 0;
  let child: ChildTransport | undefined;
  const transport = async (): Promise<Transport> => {
    const wait = startedAt + (starts > 0 ? backoff(starts, pace) : 0) - Date.now();
    if (wait > 0) await sleep(wait);
    starts += 1;
    startedAt = Date.now();
    const { getDefaultEnvironment } = await import('@modelcontextprotocol/client/stdio');
    const { command, args, env, cwd } = settings;
    child = new ChildTransport({
      peer,
      command,
      args,
      // A child gets what it needs to run, and what its entry gives it: no secret of this process.
      env: { ...getDefaultEnvironment(), ...env },
      cwd,
      onErrors(stderr) {
        createInterface({ input: stderr }).on('line', (line) =>
          deps.log.debug({ peer, line: line.slice(0, 1_000) }, 'the plugin server says'),
        );
      },
    });
    return child;
  };
  const lane = () => {
    const own = child;
    return (tool: string, args: string, scope: Cancellation) =>
      own === undefined
        ? Promise.reject(ChildGone({ peer, detail: 'it was not started' }))
        : own.callTool(tool, args, scope);
  };
  const session = openSession({ peer, transport, era: 'legacy', timeoutMs: deps.timeoutMs, lane });
  return {
    peer,
    async call(tool, args, scope) {
      try {
        const reply = await session.call(tool, args, scope);
        starts = 0;
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
  scope: Cancellation,
): SallyError {
  const known = findSallyError(error) ?? findSallyError(scope.reason);
  if (known) return known;
  if (scope.aborted) return CallCancelled({ plugin: peer, hook: tool });
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'EACCES') return ChildNotStarted({ peer, command, reason: code }, error);
  return ChildGone({ peer, detail: messageOf(error) }, error);
}
