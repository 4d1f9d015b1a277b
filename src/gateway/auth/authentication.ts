import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import type { Cancellation } from '../../cancel.js';
import type { AuthSettings } from '../../config/index.js';
import { findSallyError, InternalError, messageOf, type SallyError } from '../../errors.js';
import type { GlobalContext, Violation } from '../../hooks/index.js';
import { peerLog } from '../../log/limit.js';
import type { Logger } from '../../log.js';
import type { PluginManager, PluginRequest } from '../../manager/index.js';
import type { Admitted, Authentication, Identity, Refused } from '../../mcp/router.js';
import type { PluginSets } from '../in-use.js';
import { type AuthRequest, authRequestOf, secretInQuery, withoutCredentials } from './auth-request.js';
import {
  type Authenticator,
  basisOf,
  Credential,
  createStanding,
  everyone,
  type Unknown,
} from './authenticator.js';
import { listens, postRequest, preRequest, resolveUser, sendable } from './http-hooks.js';

interface AuthenticationDeps {
  /** Asked anew for each request: a reload may have exchanged it. */
  readonly authenticator: () => Authenticator;
  readonly sets: Pick<PluginSets, 'current'>;
  readonly log: Logger;
  readonly now: () => Date;
  /** Told of the connection of a client that has shown who it is. */
  readonly known?: (socket: Socket) => void;
}

interface Known {
  readonly identity: Identity;
  /** What let it in; absent where a plugin knows the client: when that ends, nobody here can say. */
  readonly credential?: Credential | undefined;
}

/**
 * Who was let in by another worker of the same gateway, and by what: it is judged again where what it opens is kept.
 * Plugins never see it.
 */
interface HandedOver extends Pick<Admitted, 'identity' | 'headers'> {
  readonly credential?: Pick<Credential, 'shown' | 'until'> | undefined;
  /** What plugins share of the request so far. */
  readonly global: GlobalContext;
}

/** The authenticator that `settings` ask for. Its libraries and files are loaded here. */
export async function openAuthenticator(
  settings: AuthSettings,
  deps: { readonly log: Logger; readonly now: () => Date },
): Promise<Authenticator> {
  switch (settings.kind) {
    case 'none':
      return everyone;
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
  const { sets, known } = deps;
  return {
    ...createStanding(deps),
    ...(known && { known }),
    async authenticate(request, response, signal) {
      const set = sets.current();
      response.once('close', set.hold());
      const admission = new Admission(authRequestOf(request), set.plugins, deps, signal);
      try {
        return await admission.admit(secretInQuery(request));
      } catch (thrown) {
        const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
        return admission.failed(error);
      }
    },
    readmit(client, response) {
      const { identity, credential: handed, headers, global } = client as HandedOver;
      const credential = handed && new Credential(identity, handed.shown, handed.until);
      const set = sets.current();
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
      return { kind: 'admitted', identity, credential, headers, context, requestId: () => global.request_id };
    },
  };
}

/** One request, from its head until it is admitted or refused. */
class Admission {
  readonly arrival: AuthRequest;
  readonly #plugins: PluginManager;
  readonly #deps: AuthenticationDeps;
  readonly #signal: Cancellation;
  #request: PluginRequest | undefined;
  #id: string | undefined;

  constructor(arrival: AuthRequest, plugins: PluginManager, deps: AuthenticationDeps, signal: Cancellation) {
    this.arrival = arrival;
    this.#plugins = plugins;
    this.#deps = deps;
    this.#signal = signal;
  }

  /** The id by which the log knows it, and plugins where one was asked. */
  get id(): string {
    this.#id ??= this.#request?.global.request_id ?? randomUUID();
    return this.#id;
  }

  async admit(secret: string | undefined): Promise<Admitted | Refused> {
    if (secret !== undefined) {
      const description = 'credentials have no place in a URL: use the Authorization header';
      return refused(400, 'invalid_request', description);
    }
    const asked = listens(this.#plugins, 'http_pre_request')
      ? await preRequest(this.plugins(), this.arrival, this.#signal)
      : { value: this.arrival.headers };
    if ('violation' in asked) return violated(asked.violation, 403);
    const arrival = { ...this.arrival, headers: asked.value };
    const found = await this.#identify(arrival);
    if ('kind' in found) return found;
    return this.#admitted(found, withoutCredentials(arrival.headers));
  }

  /** A plugin that knows the client has the first word; where none says anything, authentication is as configured. */
  async #identify(arrival: AuthRequest): Promise<Known | Refused> {
    if (listens(this.#plugins, 'http_auth_resolve_user')) {
      const asked = await resolveUser(this.plugins(), arrival, arrival.headers, this.#signal);
      if ('violation' in asked) return violated(asked.violation, 401);
      if (asked.value === 'nameless') return refused(401, 'invalid_token', 'no user has these credentials');
      if (asked.value !== undefined) return { identity: asked.value };
    }
    const authenticator = this.#deps.authenticator();
    const shown = authenticator.shown(arrival);
    // Read before: what changes meanwhile has the credential judged again.
    const basis = basisOf(authenticator);
    const result = await authenticator.judge(shown);
    if (result.kind === 'known') {
      const { identity, until } = result;
      return { identity, credential: new Credential(identity, shown, until, basis) };
    }
    if (result.kind === 'unavailable') {
      return this.failed(result.error);
    }
    return challenged(result, authenticator.challenge?.(arrival, result));
  }

  /**
   * Nobody could decide: a plugin has failed whose failure ends a request, or the keys of an issuer cannot be had. Whoever is
   * out there is told where to look, and no more.
   */
  failed(error: SallyError): Refused {
    const { code, remedy, message, context } = error;
    const { plugin } = context as { readonly plugin?: string };
    const request = this.id;
    // A plugin's own failure stands in the log already, under the same id.
    if (plugin === undefined) {
      const said = `a request could not be authenticated: ${message} (request ${request})`;
      // Strangers can have as many of these as they like.
      peerLog(this.#deps.log).error(this.arrival.host ?? undefined, { code, remedy, message: said });
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

  #admitted(known: Known, headers: Readonly<Record<string, string>>): Admitted {
    if (this.#request !== undefined) introduce(this.#request, known.identity);
    const admitted = new AdmittedRequest(this, known, headers);
    if (!listens(this.#plugins, 'http_post_request')) return admitted;
    const { log } = this.#deps;
    admitted.leaving = (status, own) =>
      postRequest(
        admitted.context(),
        this.arrival,
        headers,
        { status, headers: own },
        { log, signal: this.#signal },
      );
    return admitted;
  }

  /** The plugins' view of this request, made when it is first asked for. */
  plugins(identity?: Identity): PluginRequest {
    if (this.#request === undefined) {
      this.#request = this.#plugins.request();
      if (identity) introduce(this.#request, identity);
    }
    return this.#request;
  }
}

/** A request that was let in. */
class AdmittedRequest implements Admitted {
  readonly kind = 'admitted';
  readonly identity: Identity;
  readonly credential: Credential | undefined;
  readonly headers: Readonly<Record<string, string>>;
  leaving?: NonNullable<Admitted['leaving']>;
  readonly #admission: Admission;

  constructor(
    admission: Admission,
    { identity, credential }: Known,
    headers: Readonly<Record<string, string>>,
  ) {
    this.#admission = admission;
    this.identity = identity;
    this.credential = credential;
    this.headers = headers;
  }

  requestId(): string {
    return this.#admission.id;
  }

  context(): PluginRequest {
    return this.#admission.plugins(this.identity);
  }

  handover() {
    const { identity, credential, headers } = this;
    const shown = credential && { credential: { shown: credential.shown, until: credential.until } };
    const client: HandedOver = { identity, ...shown, headers, global: this.context().global };
    return { headers: withoutCredentials(this.#admission.arrival.headers), client };
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
