import type { PluginsConfig } from '../config/index.js';
import { asSallyError, findSallyError, type SallyError } from '../errors.js';
import { type Logger, silentLogger } from '../log.js';
import { checkOauthFiles } from '../oauth/index.js';
import { packageVersion } from '../version.js';
import { openAuthenticator } from './auth/index.js';
import { unmatchedAt } from './unmatched.js';
import { openUpstream } from './upstream/index.js';
import type { Upstream } from './upstream.js';

/** What came of reaching one upstream. */
export interface UpstreamLook {
  readonly name: string;
  /** The revision of MCP that it speaks; absent where it cannot be reached. */
  readonly revision?: string;
  /** In its place: what was found of one of which each user has sessions of its own. */
  readonly seen?: string;
  readonly problem?: SallyError;
}

/** Why a gateway does not start that tells nobody apart, or lets nobody in; and what deserves to be seen of it. */
export interface AuthLook {
  readonly problem?: Problem;
  readonly remarks: readonly Problem[];
}

type Problem = Pick<SallyError, 'code' | 'message' | 'remedy'>;

/** What `lookAtGateway` finds. */
export interface GatewayLook {
  readonly upstreams: readonly UpstreamLook[];
  /** Conditions of plugins that no call can meet. */
  readonly unmatched: readonly SallyError[];
  readonly auth: AuthLook;
  /** The files of OAuth towards upstreams; undefined where there is none. */
  readonly oauth?: OauthLook;
  /** Absent without a lock on tools. */
  readonly lock?: LockLook;
}

/** What is wrong with the files of OAuth, and what deserves to be seen of them. */
export interface OauthLook {
  readonly problems: readonly Problem[];
  readonly remarks: readonly Problem[];
}

/** Why the lock on tools cannot be used, or what upstreams offer that is not as it was locked. */
export interface LockLook {
  readonly file: string;
  readonly problem?: SallyError;
  readonly differing: readonly Problem[];
}

interface Look {
  /** For each step. */
  readonly timeoutMs: number;
  /** Hears what upstreams say. */
  readonly log: Logger;
}

/**
 * What a gateway of this configuration would find: each upstream is opened once for it, a child process started, and
 * closed again; what clients are known by is loaded. Undefined where there is no gateway in it.
 */
export async function lookAtGateway(
  { plugins, gateway }: PluginsConfig,
  { timeoutMs, log }: Look,
): Promise<GatewayLook | undefined> {
  if (gateway === undefined) return undefined;
  const conditional = plugins.map(({ name, mode = 'enforce', conditions = [] }) => ({
    name,
    mode,
    conditions,
  }));
  const deps = { log, version: packageVersion(), pace: { handshake: timeoutMs, probe: timeoutMs } };
  const looking = lookAtAuth(gateway, timeoutMs);
  const upstreams = gateway.upstreams.map((settings) => openUpstream(settings, deps));
  try {
    const looks = await Promise.all(upstreams.map((upstream) => reach(upstream, 3 * timeoutMs)));
    const unmatched = await unmatchedAt(conditional, gateway, upstreams, AbortSignal.timeout(timeoutMs));
    const oauth = await checkOauthFiles(gateway);
    const lock = await lookAtLock(gateway, upstreams, AbortSignal.timeout(3 * timeoutMs));
    const auth = await looking;
    return { upstreams: looks, unmatched, auth, ...(oauth && { oauth }), ...(lock && { lock }) };
  } finally {
    await Promise.allSettled(upstreams.map((upstream) => upstream.close()));
  }
}

async function lookAtLock(
  { toolsLock }: NonNullable<PluginsConfig['gateway']>,
  upstreams: readonly Upstream[],
  signal: AbortSignal,
): Promise<LockLook | undefined> {
  if (toolsLock === undefined) return undefined;
  const { judgeAll, readToolsLock, watchTools } = await import('./tools-lock/index.js');
  const { file } = toolsLock;
  const differing: Problem[] = [];
  const warn = (fields: object, message: string) => void differing.push({ ...(fields as Problem), message });
  try {
    const watch = watchTools(await readToolsLock(file), toolsLock, { log: { ...silentLogger, warn } });
    await Promise.allSettled(upstreams.map((upstream) => judgeAll(upstream, watch, signal)));
    return { file, differing };
  } catch (error) {
    return { file, problem: asSallyError(error), differing };
  }
}

async function lookAtAuth(
  { auth, proxies }: NonNullable<PluginsConfig['gateway']>,
  timeoutMs: number,
): Promise<AuthLook> {
  const remarks: Problem[] = [];
  const warn = (fields: object, message: string) => {
    const { code, remedy } = fields as Partial<Problem>;
    if (code !== undefined && remedy !== undefined) remarks.push({ code, message, remedy });
  };
  try {
    const now = () => new Date();
    const log = { ...silentLogger, warn };
    const authenticator = await openAuthenticator(auth, { log, now, proxies, timeoutMs });
    await authenticator.reach?.();
    return { remarks };
  } catch (error) {
    return { problem: asSallyError(error), remarks };
  }
}

async function reach(upstream: Upstream, withinMs: number): Promise<UpstreamLook> {
  const { name } = upstream;
  const request = { principal: 'doctor', capabilities: {}, client: 'doctor', own: false };
  try {
    if (upstream.look) return { name, seen: await upstream.look(AbortSignal.timeout(withinMs)) };
    const { revision } = await upstream.session(request, AbortSignal.timeout(withinMs));
    return { name, revision };
  } catch (thrown) {
    const error = asSallyError(thrown);
    // What it is told as while it is down has what happened as its cause.
    const cause = findSallyError(error.cause);
    return { name, problem: cause?.code.startsWith('SALLY_UPSTREAM_') ? cause : error };
  }
}
