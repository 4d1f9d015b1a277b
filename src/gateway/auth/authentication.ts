import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type AuthSettings, looksSecret } from '../../config/index.js';
import { asSallyError, InternalError, type SallyError } from '../../errors.js';
import type { GlobalContext, Violation } from '../../hooks/index.js';
import { authority, type RequestHead } from '../../http/index.js';
import { peerLog } from '../../log/limit.js';
import type { Logger } from '../../log.js';
import type { InvokeOptions, PluginManager, PluginRequest } from '../../manager/index.js';
import type { Admitted, Authentication, Identity, Refused } from '../../mcp/router.js';
import { traceFieldsOf } from '../../telemetry/index.js';
import type { PluginSets } from '../in-use.js';
import { serverMcpPath } from '../server-paths.js';
import {
  type Authenticator,
  type AuthenticatorDeps,
  type AuthRequest,
  type AuthResult,
  createRecheck,
  type Headers,
  type JudgedCredential,
  type Shown,
  type Unknown,
} from './authenticator.js';
import { joined, picked, withoutCredentials } from './headers.js';
import { listens, postRequest, preRequest, resolveUser, sendable } from './http-hooks.js';

interface AuthenticationDeps {
  /** Asked anew for each request: a reload may have exchanged it. */
  readonly authenticator: () => Authenticator;
  readonly sets: Pick<PluginSets, 'current'>;
  readonly log: Logger;
  readonly now: () => Date;
  /** Told of the connection of a client that has shown who it is. */
  readonly known?: (socket: Socket) => void;
  /** The path that the gateway is below. */
  readonly basePath?: string;
  /** The credentials that some upstream is to have, by their headers. Default: none. */
  readonly passed?: () => readonly string[];
  /** Told of what has let a client in. */
  readonly admitted?: (credential: JudgedCredential) => void;
}

/**
 * Who was let in by another worker of the same gateway, and by what: it is judged again where what it opens is kept.
 * Plugins never see it.
 */
interface HandedOver extends Pick<Admitted, 'identity' | 'headers' | 'credentials'> {
  readonly credential?: Pick<JudgedCredential, 'shown' | 'until'> | undefined;
  /** What plugins share of the request so far. */
  readonly global: GlobalContext;
}

/** Who it is while nobody has said. */
const nobody: Identity = { user: null, tenant: null, method: 'none' };
const nothingShown: Shown = {};
// Another object: plugins are told of it, as of any client that was let in.
const nobodyAsked: AuthResult = { kind: 'known', identity: { ...nobody } };

/** The authenticator that `settings` ask for. Its libraries and files are loaded here. */
export async function openAuthenticator(
  settings: AuthSettings,
  deps: AuthenticatorDeps,
): Promise<Authenticator> {
  switch (settings.kind) {
    case 'none':
      return { judge: async () => nobodyAsked };
    case 'bearer':
      return (await import('./tokens.js')).openBearer(settings.tokensFile, deps);
    case 'jwt':
      return (await import('./jwt.js')).openJwt(settings, deps);
    case 'mtls':
      return (await import('./mtls.js')).openMtls(settings.users, deps);
  }
}

/** Authentication of HTTP requests with the `http_*` hooks around it. */
export function createAuthentication(deps: AuthenticationDeps): Authentication {
  const { sets, known, basePath } = deps;
  return {
    recheck: createRecheck(deps),
    ...(known && { known }),
    async authenticate(request, response, signal, observed, server) {
      const set = sets.current;
      response.once('close', set.hold());
      const admission = new Admission(authRequestOf(request, basePath, server), set.plugins, deps, {
        signal,
        observed,
        headers: traceFieldsOf(request.headers, undefined),
      });
      return admission.admit().catch((thrown: unknown) => {
        const error = asSallyError(thrown);
        return admission.failed(error);
      });
    },
    admitForwarded(client, response) {
      const { identity, credential: handed, credentials, headers, global } = client as HandedOver;
      const credential = handed && { ...handed, identity, judged: undefined, over: false };
      if (credential) deps.admitted?.(credential);
      const set = sets.current;
      response.once('close', set.hold());
      let request: PluginRequest | undefined;
      const context = () => {
        if (request === undefined) {
          request = set.plugins.request();
          Object.assign(request.global, global);
          introduce(request, identity);
        }
        return request;
      };
      return {
        kind: 'admitted',
        identity,
        credential,
        credentials,
        headers,
        context,
        requestId: () => global.request_id,
      };
    },
  };
}

/** One request, from its head until it is admitted or refused, and as what it is admitted. */
class Admission implements Admitted {
  readonly kind = 'admitted';
  identity: Identity = nobody;
  credential: JudgedCredential | undefined;
  credentials: Admitted['credentials'];
  headers: Headers;
  replyHeaders?: NonNullable<Admitted['replyHeaders']>;
  readonly #arrival: AuthRequest;
  readonly #plugins: PluginManager;
  readonly #deps: AuthenticationDeps;
  readonly #options: InvokeOptions;
  #request: PluginRequest | undefined;
  #id: string | undefined;

  constructor(
    arrival: AuthRequest,
    plugins: PluginManager,
    deps: AuthenticationDeps,
    options: InvokeOptions,
  ) {
    this.headers = arrival.headers;
    this.#arrival = arrival;
    this.#plugins = plugins;
    this.#deps = deps;
    this.#options = options;
  }

  async admit(): Promise<Admitted | Refused> {
    let arrival = this.#arrival;
    if (arrival.query !== '' && holdsSecret(arrival.query)) {
      const description = 'credentials have no place in a URL: use the Authorization header';
      return refused(400, 'invalid_request', description);
    }
    if (listens(this.#plugins, 'http_pre_request')) {
      const asked = await preRequest(this.context(), arrival, this.#options);
      if ('violation' in asked) return violated(asked.violation, 403);
      arrival = { ...arrival, headers: asked.value };
    }
    const refusal = (await this.#identify(arrival)) ?? outOfBounds(this.identity, arrival.server);
    if (refusal !== undefined) return refusal;
    this.headers = withoutCredentials(arrival.headers);
    const passed = this.#deps.passed?.() ?? [];
    if (passed.length > 0) this.credentials = picked(this.#arrival.headers, passed);
    if (this.#request !== undefined) introduce(this.#request, this.identity);
    if (listens(this.#plugins, 'http_post_request')) {
      const { log } = this.#deps;
      this.replyHeaders = (status, headers) => {
        const reply = { status, headers };
        const deps = { ...this.#options, log };
        return postRequest(this.context(), this.#arrival, this.headers, reply, deps);
      };
    }
    return this;
  }

  /** A plugin that knows the client has the first word; where none says anything, authentication is as configured. */
  async #identify(arrival: AuthRequest): Promise<Refused | undefined> {
    if (listens(this.#plugins, 'http_auth_resolve_user')) {
      const asked = await resolveUser(this.context(), arrival, arrival.headers, this.#options);
      if ('violation' in asked) return violated(asked.violation, 401);
      if (asked.value === 'nameless') return refused(401, 'invalid_token', 'no user has these credentials');
      if (asked.value !== undefined) {
        // When that ends, nobody here can say: there is no credential.
        this.identity = asked.value;
        return undefined;
      }
    }
    const authenticator = this.#deps.authenticator();
    const shown = authenticator.shown?.(arrival) ?? nothingShown;
    // Read before: what changes meanwhile has the credential judged again.
    const judged = authenticator.basis?.() ?? authenticator;
    const result = await authenticator.judge(shown);
    if (result.kind === 'unavailable') return this.failed(result.error);
    if (result.kind === 'unknown') return challenged(result, authenticator.challenge?.(arrival, result));
    this.identity = result.identity;
    this.credential = { identity: result.identity, shown, until: result.until, judged, over: false };
    this.#deps.admitted?.(this.credential);
    return undefined;
  }

  /**
   * Nobody could decide: a plugin has failed whose failure ends a request, or the keys of an issuer cannot be had. Whoever is
   * out there is told where to look, and no more.
   */
  failed(error: SallyError): Refused {
    const { code, remedy, message, context } = error;
    const { plugin } = context as { readonly plugin?: string };
    const request = this.requestId();
    // A plugin's own failure stands in the log already, under the same id.
    if (plugin === undefined) {
      const said = `a request could not be authenticated: ${message} (request ${request})`;
      // Strangers can have as many of these as they like.
      peerLog(this.#deps.log).error(this.#arrival.host ?? undefined, { code, remedy, message: said });
    }
    return {
      kind: 'refused',
      status: InternalError.is(error) ? 500 : 503,
      headers: { 'Retry-After': '5' },
      body: {
        error: 'server_error',
        error_description: 'the request could not be authenticated',
        code,
        ...(plugin !== undefined && { plugin_name: plugin }),
        request_id: request,
      },
    };
  }

  /** The id by which the log knows it, and plugins where one was asked. */
  requestId(): string {
    this.#id ??= this.#request?.global.request_id ?? randomUUID();
    return this.#id;
  }

  /** The plugins' view of this request, made when it is first asked for. Who its client is, is known once it is let in. */
  context(): PluginRequest {
    if (this.#request === undefined) {
      this.#request = this.#plugins.request();
      if (this.identity !== nobody) introduce(this.#request, this.identity);
    }
    return this.#request;
  }

  handover() {
    const { identity, credential, credentials, headers } = this;
    const shown = credential && { credential: { shown: credential.shown, until: credential.until } };
    const client: HandedOver = {
      identity,
      ...shown,
      ...(credentials && { credentials }),
      headers,
      global: this.context().global,
    };
    return { headers: withoutCredentials(this.#arrival.headers), client };
  }
}

/** Tells the plugins of a request who its client is. */
export function introduce({ global }: PluginRequest, { user, tenant, record }: Identity): void {
  global.user = record ?? user;
  global.tenant_id = tenant;
}

function refused(status: number, error: string, error_description: string): Refused {
  return { kind: 'refused', status, headers: {}, body: { error, error_description } };
}

/** Who is bound to some virtual servers gets nowhere else. No other token of the same kind would help: there is no challenge. */
function outOfBounds({ servers }: Identity, server: string | undefined): Refused | undefined {
  if (servers === undefined || (server !== undefined && servers.includes(server))) return undefined;
  const bound = servers.length === 0 ? 'none' : servers.map((name) => serverMcpPath(name)).join(', ');
  return refused(403, 'forbidden', `these credentials are bound to virtual servers: ${bound}`);
}

function challenged(result: Unknown, challenge: string | undefined): Refused {
  const error = result.error ?? (result.status === 401 ? 'unauthorized' : 'forbidden');
  const { status, description } = result;
  const headers: Record<string, string> = challenge === undefined ? {} : { 'WWW-Authenticate': challenge };
  return { ...refused(status, error, description), headers };
}

/** A plugin's no, with the status and headers that it wants (those of authentication, not of framing). */
function violated(violation: Violation | null, otherwise: number): Refused {
  const wanted = Number(violation?.http_status_code ?? otherwise);
  const status = wanted >= 400 && wanted <= 599 ? wanted : otherwise;
  const description = violation?.description ?? 'a plugin refused the request';
  return {
    kind: 'refused',
    status,
    headers: sendable(violation?.http_headers ?? {}),
    body: {
      error: 'plugin_violation',
      error_description: `Plugin Violation: ${description}`,
      plugin_error_code: violation?.code ?? '',
      plugin_name: violation?.plugin_name ?? '',
    },
  };
}

/** The head of `request` as plugins and authentication see it. */
export function authRequestOf(request: RequestHead, basePath = '', server?: string): AuthRequest {
  const { socket } = request;
  const secure = 'encrypted' in socket && socket.encrypted === true;
  const { url = '/', forwarded } = request;
  const end = url.indexOf('?');
  let headers = request.headers as Headers;
  for (const name in request.headers) {
    if (typeof request.headers[name] === 'string') continue;
    headers = joined(request.headers);
    break;
  }
  return {
    method: request.method ?? 'GET',
    path: end < 0 ? url : url.slice(0, end),
    query: end < 0 ? '' : url.slice(end),
    headers,
    host: forwarded?.remote ?? socket.remoteAddress ?? null,
    port: forwarded ? null : (socket.remotePort ?? null),
    origin: `${forwarded?.proto ?? (secure ? 'https' : 'http')}://${forwarded?.host ?? request.headers.host ?? ownAddress(socket)}`,
    base: (forwarded?.prefix ?? '') + basePath,
    server,
    socket: secure ? (socket as TLSSocket) : undefined,
  };
}

/** HTTP/1.0 may come without a Host. */
function ownAddress({ localAddress = 'localhost', localPort = 80 }: RequestHead['socket']): string {
  return authority(localAddress.replace(/%.*$/, ''), localPort);
}

/** Whether a query holds a credential: URLs end up in logs and histories (RFC 6750 section 5.3). */
function holdsSecret(query: string): boolean {
  return [...new URLSearchParams(query).keys()].some(looksSecret);
}
