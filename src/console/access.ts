import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { ConsoleSettings } from '../config/index.js';
import type { Authenticator } from '../gateway/auth/index.js';
import { authRequestOf } from '../gateway/auth/index.js';

/** How long a link serves, and a session that it opened, in milliseconds. */
const linkMs = 10 * 60_000;
const sessionMs = 12 * 3_600_000;
/** More of them at a time: the oldest goes. */
const most = { links: 16, sessions: 64 } as const;

/** Who looks. */
export type Onlooker = 'link' | { readonly user: string | null; readonly tenant: string | null };

interface AccessDeps {
  /** Of the session cookie. Cookies know no ports: two pages of one host must not take each other's. */
  readonly cookieName: string;
  readonly secure: boolean;
  /** Who may look by the authentication of the gateway, and how they are known; undefined where nobody may. */
  readonly admins: () =>
    | { readonly named: ConsoleSettings['admins']; readonly authenticator: Authenticator }
    | undefined;
  readonly now?: () => number;
}

/**
 * Who may look: whoever opened a link, which serves once, for the life of a session; and the admins by what they are known by,
 * with each request anew. Only hashes of what lets somebody in are kept.
 */
export class Access {
  readonly #deps: AccessDeps;
  readonly #now: () => number;
  /** When they end, by their hashes; the oldest first. */
  readonly #links = new Map<string, number>();
  readonly #sessions = new Map<string, number>();

  constructor(deps: AccessDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
  }

  /** The key of a new link. */
  makeKey(): string {
    return this.#make(this.#links, most.links, linkMs);
  }

  /** The `Set-Cookie` of a new session, where the key is that of a link which has not served yet. */
  login(key: string): string | undefined {
    const hash = hashOf(key);
    const until = this.#links.get(hash) ?? 0;
    this.#links.delete(hash);
    if (until <= this.#now()) return undefined;
    const { cookieName, secure } = this.#deps;
    const session = this.#make(this.#sessions, most.sessions, sessionMs);
    const rest = `Path=/; HttpOnly; SameSite=Strict; Max-Age=${sessionMs / 1000}${secure ? '; Secure' : ''}`;
    return `${cookieName}=${session}; ${rest}`;
  }

  /** Whether whoever sent this request may look now. Never rejects. */
  async admits(request: IncomingMessage): Promise<boolean> {
    return (await this.who(request)) !== undefined;
  }

  /** Who that is: an admin, or `link` for whoever has opened one; undefined for nobody who may look. Never rejects. */
  async who(request: IncomingMessage): Promise<Onlooker | undefined> {
    for (const session of cookiesOf(request, this.#deps.cookieName)) {
      if ((this.#sessions.get(hashOf(session)) ?? 0) > this.#now()) return 'link';
    }
    const admins = this.#deps.admins();
    if (admins === undefined) return undefined;
    const { named, authenticator } = admins;
    const arrival = authRequestOf(withTokenOfBasic(request));
    const result = await authenticator.judge(authenticator.shown?.(arrival) ?? {});
    if (result.kind !== 'known' || (result.until ?? Number.POSITIVE_INFINITY) <= this.#now())
      return undefined;
    const { user, tenant } = result.identity;
    const isAdmin = named.some((one) => one.user === user && (one.tenant ?? null) === tenant);
    return isAdmin ? { user, tenant } : undefined;
  }

  #make(all: Map<string, number>, limit: number, ms: number): string {
    const now = this.#now();
    for (const [hash, until] of all) if (until <= now) all.delete(hash);
    const [oldest] = all.keys();
    if (all.size >= limit && oldest !== undefined) all.delete(oldest);
    const secret = randomBytes(32).toString('base64url');
    all.set(hashOf(secret), now + ms);
    return secret;
  }
}

const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('base64');

function cookiesOf({ headers: { cookie = '' } }: IncomingMessage, name: string): readonly string[] {
  return cookie
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
}

/** A browser asks its user for a name and a password, and for no token: the token is the password. */
function withTokenOfBasic(request: IncomingMessage) {
  const { headers, method, url, socket } = request;
  const [, basic] = /^basic +([A-Za-z0-9+/=]+)$/i.exec(headers.authorization ?? '') ?? [];
  if (basic === undefined) return request;
  const text = Buffer.from(basic, 'base64').toString();
  const authorization = `Bearer ${text.slice(text.indexOf(':') + 1)}`;
  return { method, url, socket, headers: { ...headers, authorization } };
}
