import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConsentSettings } from '../config/index.js';
import { messageOf, OauthConsent } from '../errors.js';
import { sendJson } from '../http/index.js';
import type { Logger } from '../log.js';
import {
  type ClientIdentity,
  clientMetadata,
  type OauthClient,
  type Token,
  TokenVault,
} from '../oauth/index.js';

/** A user who is to consent, and what for. */
interface ConsentRequest {
  readonly client: OauthClient;
  readonly principal: string;
  /** As the page names the user. */
  readonly user: string;
  /** Scopes that are asked for beside the usual ones. */
  readonly more: readonly string[];
  /** Told of the tokens, once it is proven that they are for this principal. */
  obtained(token: Token, identity: ClientIdentity): Promise<void>;
}

interface Pending extends ConsentRequest {
  readonly id: string;
  readonly timer: NodeJS.Timeout;
  /** Of the browser in which it was begun. */
  cookie: string | undefined;
  state: string | undefined;
  verifier: string;
  identity: ClientIdentity;
  /** Got, and not yet given to anybody. */
  token: Token | undefined;
  code: string | undefined;
  tries: number;
}

/** A file of tokens is looked at so often: what is taken out of it counts no more, in milliseconds. */
const lookMs = 1_000;

/** Opens what `gateway.oauth` describes. */
export async function openConsent({ baseUrl, files }: ConsentSettings, log: Logger) {
  const vault = await TokenVault.open(files);
  const look = () =>
    vault.look().catch((error: unknown) => {
      log.warn(
        { reason: messageOf(error) },
        'the tokens of upstreams could not be read: those from before count',
      );
    });
  const timer = files && setInterval(look, lookMs).unref();
  return { vault, desk: new ConsentDesk(baseUrl, log), close: () => clearInterval(timer) };
}

/** How long a user may take. */
const pendingMs = 10 * 60_000;
/** Begun and not ended, of one user and of all. */
const most = { perUser: 5, all: 2_000 } as const;
/** Wrong codes that are taken for one consent. */
const maxTries = 5;
const cookieName = 'sallyport-consent';
const startPath = '/oauth/connect/';
const callbackPath = '/oauth/callback';
/** Where servers read what the client is, whose id is this URL. */
const documentPath = '/oauth/client.json';

/**
 * Where users consent in a browser, which has no credentials of MCP. A link may be sent on, so that whoever opens it need not be
 * who began: what comes of it is given to nobody before the principal that began has shown, over MCP, the code that only
 * the page of the consent shows. The page names that principal before anything is asked of anybody. The callback counts in the
 * browser alone in which the link was opened.
 */
export class ConsentDesk {
  readonly #base: URL;
  readonly #log: Logger;
  readonly #pending = new Map<string, Pending>();

  constructor(base: URL, log: Logger) {
    this.#base = base;
    this.#log = log;
  }

  get redirectUri(): string {
    return this.#at(callbackPath);
  }

  /** The link for a user; the same one until it is used or ends. */
  begin(request: ConsentRequest): { readonly id: string; readonly url: string } {
    const own = [...this.#pending.values()].filter(({ principal }) => principal === request.principal);
    const same = own.find(({ client }) => client === request.client);
    if (same) return { id: same.id, url: this.#at(startPath + same.id) };
    const upstream = request.client.name;
    if (own.length >= most.perUser || this.#pending.size >= most.all)
      throw OauthConsent({ upstream, reason: 'too many consents have been begun, and none of them ended' });
    const id = randomBytes(32).toString('base64url');
    const timer = setTimeout(() => this.#pending.delete(id), pendingMs).unref();
    this.#pending.set(id, {
      ...request,
      id,
      timer,
      cookie: undefined,
      state: undefined,
      verifier: '',
      identity: { id: '' },
      token: undefined,
      code: undefined,
      tries: 0,
    });
    return { id, url: this.#at(startPath + id) };
  }

  /** The principal that began shows the code of the page: the tokens are its own now. False where it is not that code. */
  async complete(client: OauthClient, principal: string, code: string): Promise<boolean> {
    const pending = [...this.#pending.values()].find(
      (one) => one.client === client && one.principal === principal,
    );
    if (!pending?.token || pending.code === undefined) return false;
    pending.tries += 1;
    const right = same(pending.code, code.toUpperCase().replace(/[^A-Z0-9]/g, ''));
    if (right || pending.tries >= maxTries) this.#end(pending);
    if (right) await pending.obtained(pending.token, pending.identity);
    return right;
  }

  /** Forgets what was begun for an upstream that is there no more. */
  forget(client: OauthClient): void {
    for (const pending of [...this.#pending.values()]) if (pending.client === client) this.#end(pending);
  }

  /** Answers the pages of the desk; undefined where the path is none of them. */
  handle(asked: string, request: IncomingMessage, response: ServerResponse): Promise<void> | undefined {
    const folder = this.#base.pathname.replace(/\/$/, '');
    const path = folder !== '' && asked.startsWith(`${folder}/`) ? asked.slice(folder.length) : asked;
    if (path === documentPath) {
      const document = { client_id: this.#at(documentPath), ...clientMetadata(this.redirectUri) };
      return Promise.resolve(sendJson(response, 200, document));
    }
    const isStart = path.startsWith(startPath);
    if (!isStart && path !== callbackPath) return undefined;
    const answer = isStart ? this.#start(path.slice(startPath.length), request) : this.#callback(request);
    return answer.then(
      (reply) => send(response, reply),
      (error: unknown) => {
        this.#log.warn({ reason: messageOf(error) }, 'a consent failed');
        send(response, page(502, 'It did not work', `<p>${html(messageOf(error))}</p>`));
      },
    );
  }

  async #start(id: string, request: IncomingMessage): Promise<PageReply> {
    const pending = this.#pending.get(id);
    if (pending === undefined || pending.token) return gone;
    const { client, user } = pending;
    if (request.method === 'GET') {
      // What fetches links by itself, such as a preview, sets nothing going.
      const server = await client.server();
      const host = new URL(server.authorization_endpoint ?? server.issuer).host;
      return page(
        200,
        `Connect ${client.name}`,
        `<p><strong>${html(user)}</strong> asks to use <strong>${html(client.name)}</strong> in your name. You sign in at <strong>${html(host)}</strong>.</p>
<p>Go on only if that is you, and if you have just asked for it: whoever sent you this link gets access to your account otherwise.</p>
<form method="post"><button>Go on to ${html(host)}</button></form>`,
      );
    }
    if (request.method !== 'POST') return page(405, 'Not here', '');
    const library = await client.library();
    const server = await client.server();
    if (server.authorization_endpoint === undefined)
      return page(502, 'It did not work', '<p>The server asks no users.</p>');
    pending.identity = await client.register(this.redirectUri, this.#at(documentPath));
    pending.cookie = randomBytes(32).toString('base64url');
    pending.state = randomBytes(32).toString('base64url');
    pending.verifier = library.generateRandomCodeVerifier();
    const target = new URL(server.authorization_endpoint);
    client.reaches(target);
    const scopes = [...new Set([...client.scopes(), ...pending.more])];
    const keeps = server.scopes_supported?.includes('offline_access') === true;
    if (keeps && !scopes.includes('offline_access')) scopes.push('offline_access');
    const parameters = {
      response_type: 'code',
      client_id: pending.identity.id,
      redirect_uri: this.redirectUri,
      state: pending.state,
      code_challenge: await library.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
      resource: client.resourceUri,
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      // OpenID Connect Core section 11: without it no refresh token is given.
      ...(keeps && { prompt: 'consent' }),
    };
    for (const [name, value] of Object.entries(parameters)) target.searchParams.set(name, value);
    const secure = this.#base.protocol === 'https:' ? '; Secure' : '';
    const path = `${this.#base.pathname.replace(/\/$/, '')}${callbackPath}`;
    const cookie = `${cookieName}=${pending.cookie}; HttpOnly; SameSite=Lax; Max-Age=600; Path=${path}${secure}`;
    return { status: 303, headers: { Location: target.href, 'Set-Cookie': cookie }, body: '' };
  }

  async #callback(request: IncomingMessage): Promise<PageReply> {
    if (request.method !== 'GET') return page(405, 'Not here', '');
    const { searchParams } = new URL(request.url ?? '', this.#base);
    const state = searchParams.get('state') ?? '';
    const pending = [...this.#pending.values()].find(
      (one) => one.state !== undefined && same(one.state, state),
    );
    if (pending === undefined) return gone;
    // Whoever lets somebody else's browser come here with a code of their own gets nowhere.
    const cookies = (request.headers.cookie ?? '').split(/;\s*/);
    const own = cookies.find((one) => one.startsWith(`${cookieName}=`))?.slice(cookieName.length + 1) ?? '';
    if (pending.cookie === undefined || !same(pending.cookie, own))
      return page(
        400,
        'Another browser',
        '<p>This was begun in another browser: open the link there again.</p>',
      );
    const { verifier, client, identity } = pending;
    // A state is good for one callback.
    pending.state = undefined;
    const redirectUri = this.redirectUri;
    pending.token = await client.token({
      kind: 'code',
      callback: searchParams,
      redirectUri,
      verifier,
      identity,
    });
    pending.code = Array.from({ length: 8 }, () => letters[randomInt(letters.length)]).join('');
    const code = `${pending.code.slice(0, 4)}-${pending.code.slice(4)}`;
    return page(
      200,
      'One step more',
      `<p>Give this code to the tool <strong>sign_in</strong> of ${html(client.name)}, in the client in which you asked for it:</p>
<p class="code">${code}</p><p>It is good for ten minutes. Tell it to nobody: whoever has it gets access to your account.</p>`,
    );
  }

  #end(pending: Pending): void {
    clearTimeout(pending.timer);
    this.#pending.delete(pending.id);
  }

  #at(path: string): string {
    return `${this.#base.href.replace(/\/$/, '')}${path}`;
  }
}

/** Without those that are taken for one another. */
const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && left.length > 0 && timingSafeEqual(left, right);
}

interface PageReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const html = (text: string) => text.replace(/[&<>"']/g, (one) => `&#${one.charCodeAt(0)};`);

function page(status: number, title: string, body: string): PageReply {
  return {
    status,
    headers: { 'Content-Type': 'text/html; charset=utf-8' },
    body: `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${html(title)}</title>
<style>body{font:16px sans-serif;max-width:36em;margin:3em auto;padding:0 1em}.code{font:bold 2em monospace}</style>
<h1>${html(title)}</h1>
${body}
`,
  };
}

const gone = page(404, 'This link has ended', '<p>Ask for another in your client.</p>');

function send(response: ServerResponse, { status, headers, body }: PageReply): void {
  response.writeHead(status, {
    ...headers,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy':
      "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
  });
  response.end(body);
}
