import { findSallyError, type SallyError, UpstreamLost, UpstreamTimeout } from '../../../errors.js';
import type { JsonObject } from '../../../mcp/messages.js';
import { envelopeOf } from '../../../mcp/meta.js';
import { type Era, latestLegacyRevision, modernRevision } from '../../../mcp/revisions.js';
import { withDeadline } from '../../../wait.js';
import type { Link, Transport } from '../link.js';
import { judgeDiscovery, judgeInitialize } from '../negotiate.js';
import type { UpstreamContext } from '../options.js';
import { Child, type StdioSettings } from './child.js';
import { StdioSession } from './session.js';

/** MCP over the standard input and output of a child process, of both eras. */
export function stdioTransport(settings: StdioSettings, context: UpstreamContext): Transport {
  const { upstream, client, pace } = context;
  const children = new Set<Child>();
  // The last resort where this process ends without having closed its upstreams.
  const killAll = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  process.setMaxListeners(process.getMaxListeners() + 1);
  process.on('exit', killAll);
  let closed = false;

  async function start(): Promise<StdioSession> {
    const { getDefaultEnvironment } = await import('@modelcontextprotocol/client/stdio');
    // A child gets what it needs to run, and what its entry gives it: no secret of this process.
    const env = { ...getDefaultEnvironment(), ...settings.env };
    const child = await Child.start(settings, env, context);
    children.add(child);
    void child.ended.then(() => children.delete(child));
    if (closed) await child.stop();
    return new StdioSession(child, context);
  }

  /** Runs a part of the handshake; a session that does not stand after it is ended. */
  async function whole<T>(session: StdioSession, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      void session.close();
      throw error;
    }
  }

  function initialize(session: StdioSession, capabilities: JsonObject, signal: AbortSignal): Promise<Link> {
    return whole(session, async () => {
      const params = { protocolVersion: latestLegacyRevision, capabilities, clientInfo: client };
      const answer = await session.request('initialize', params, { signal }, {});
      const facts = judgeInitialize(upstream, answer);
      if (facts instanceof Error) throw facts;
      session.facts = facts;
      await session.notify('notifications/initialized');
      return session;
    });
  }

  /** The answer to `server/discover`; undefined from a child that gives none, or ends over it. */
  async function discover(session: StdioSession, signal: AbortSignal) {
    const params = { _meta: envelopeOf(modernRevision, client, {}) };
    const late = () => UpstreamTimeout({ upstream, method: 'server/discover', seconds: pace.probe / 1000 });
    try {
      return await withDeadline(pace.probe, late, signal, (own) =>
        session.request('server/discover', params, { signal: own }, {}),
      );
    } catch (error) {
      if (signal.aborted) throw error;
      const known = findSallyError(error);
      if (UpstreamTimeout.is(known) || UpstreamLost.is(known)) return undefined;
      throw error;
    }
  }

  async function contact(known: Era | undefined, signal: AbortSignal): Promise<Link> {
    const session = await start();
    if (known === 'legacy') return initialize(session, {}, signal);
    const answer = await whole(session, () => discover(session, signal));
    if (!answer) {
      void session.close();
      return initialize(await start(), {}, signal);
    }
    const verdict = judgeDiscovery(upstream, { kind: 'answer', message: answer });
    if (verdict.kind === 'legacy') return initialize(session, {}, signal);
    if (verdict.kind === 'failed') {
      void session.close();
      throw verdict.error;
    }
    session.facts = verdict.facts;
    return session;
  }

  return {
    contact,
    open: async (capabilities, signal) => initialize(await start(), capabilities, signal),
    onDoubt: (_reason: SallyError) => {},
    onRenewed: () => {},
    async close() {
      closed = true;
      await Promise.all([...children].map((child) => child.stop()));
      process.off('exit', killAll);
      process.setMaxListeners(process.getMaxListeners() - 1);
    },
  };
}
