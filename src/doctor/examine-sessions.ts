import type { McpSettings, PluginsConfig } from '../config/index.js';
import { ChildGone, ConnectionTimeout } from '../errors.js';
import type { Logger } from '../log.js';
import { tellingLine } from '../mcp/client/child.js';
import { callPlugin } from './call-plugin.js';
import type { ConfigFacts, CredentialFacts, DoctorContext, ProblemText, SessionFacts } from './facts.js';

/** What a gateway of this configuration finds; undefined where there is none, or nobody here can look. */
export async function lookAtGateway(config: PluginsConfig, context: DoctorContext) {
  const heard = listening();
  const looked = await context.gateway?.(config, { timeoutMs: context.timeoutMs, log: heard.log });
  return (
    looked && {
      ...looked,
      upstreams: looked.upstreams.map(({ problem, ...look }) => ({
        ...look,
        ...(problem && { problem: heard.added(problem, look.name) }),
      })),
    }
  );
}

/** The sessions of a gateway's file beside those with plugin servers of the network, which are looked at more closely. */
export async function examineSessions(
  { config, path, keys, gateway }: ConfigFacts,
  credentials: ReadonlyMap<string, CredentialFacts>,
  context: DoctorContext,
): Promise<readonly SessionFacts[]> {
  const children = (config?.plugins ?? []).flatMap(({ name, mcp, mode }) =>
    mcp && mcp.transport !== 'http' && mode !== 'disabled' ? [{ name, mcp }] : [],
  );
  return [
    ...(gateway?.upstreams ?? []).map(
      ({ name, revision, seen = `MCP ${revision}`, problem }): SessionFacts => ({
        kind: 'session',
        with: 'upstream',
        title: `${path}: upstream ${name}`,
        keys: [`upstream:${name}`],
        within: [...keys, ...(credentials.get(name)?.keys ?? [])],
        seen,
        ...(problem && { problem }),
      }),
    ),
    ...(await Promise.all(
      children.map(
        async ({ name, mcp }): Promise<SessionFacts> => ({
          kind: 'session',
          with: 'plugin server',
          title: `${path}: ${name}`,
          keys: [`session:${name.toLowerCase()}`],
          within: keys,
          ...(await callChild(name, mcp, context)),
        }),
      ),
    )),
  ];
}

async function callChild(name: string, mcp: McpSettings, context: DoctorContext) {
  const heard = listening();
  // A process has to start first.
  const timeoutMs = 2 * context.timeoutMs;
  const { error, plugins } = await callPlugin(mcp, name, { ...context, timeoutMs, log: heard.log });
  if (!error) return { seen: plugins?.join(', ') ?? '' };
  const silent = ConnectionTimeout.is(error) && mcp.transport === 'stdio';
  const problem = silent
    ? ChildGone({ peer: error.context.peer, detail: `no answer within ${timeoutMs / 1000} s` })
    : error;
  return { seen: '', problem: heard.added(problem, '') };
}

/** What is kept of what a child said, and what is shown of it: the end, and the line that names the error. */
const mostLines = 30;
const shownLines = 5;

function shownOf(lines: readonly string[]): readonly string[] {
  const end = lines.slice(-shownLines);
  const telling = tellingLine(lines);
  const shown = telling === undefined || end.includes(telling) ? end : [telling, ...end.slice(1)];
  return shown.map((line) => (line.startsWith('on standard output, ') ? line : `it said: ${line}`));
}

/** What children say before they end or are given up, which is most often why. */
function listening() {
  const said = new Map<string, string[]>();
  const ignore = () => {};
  const debug = (fields: object, message: string) => {
    const { upstream = '', line } = fields as { upstream?: string; line?: string };
    if (line === undefined) return;
    const lines = said.get(upstream) ?? [];
    said.set(upstream, lines);
    const stray = message.includes('not JSON-RPC');
    const text = stray ? `on standard output, where MCP is to be alone, it said: ${line}` : line;
    if (!lines.includes(text) && lines.push(text) > mostLines) lines.shift();
  };
  const log: Logger = { debug, info: ignore, warn: ignore, error: ignore };
  const added = ({ code, message, remedy }: ProblemText, name: string): ProblemText => ({
    code,
    remedy,
    message: [message, ...shownOf(said.get(name) ?? [])].join('\n'),
  });
  return { log, added };
}
