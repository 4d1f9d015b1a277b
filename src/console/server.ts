import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { SallyError } from '../errors.js';
import { createHostGuard, type Handler, readJson, refusedBy, sendJson } from '../http/index.js';
import { pathOf } from '../listener/index.js';
import type { Access, Onlooker } from './access.js';
import { createAssets } from './assets.js';
import type { EventStreams } from './events.js';
import type { ConsoleState } from './facts.js';

interface ApprovalAnswers {
  isToken(text: string): boolean;
  /** The error says why it is none. */
  answer(id: string, approve: boolean, who: Onlooker): SallyError | undefined;
}

interface PagesDeps {
  readonly access: Access;
  readonly state: () => Promise<ConsoleState>;
  readonly streams: EventStreams;
  readonly host: string;
  readonly allowedHosts: readonly string[];
  /** Whether browsers can ask their users for a token. */
  readonly asksForToken: () => boolean;
  /** Takes answers to what waits for an approval; undefined where nobody is asked. */
  readonly approvals: () => ApprovalAnswers | undefined;
  /** Somebody who may look is on this connection. */
  readonly know: (socket: Socket) => void;
}

/** Strict, for all that is served: the page has scripts and styles of its own alone, and is in nobody's frame. */
const headers: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** Answers what is asked of the page: it is read, but for answers to what waits for an approval. */
export function createPages(deps: PagesDeps): Handler {
  const { access, state, streams, asksForToken, know } = deps;
  const guard = createHostGuard({ host: deps.host, allowedHosts: deps.allowedHosts, trusted: false });
  const assets = createAssets();
  return async (request, response) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (refusedBy(guard, request, response)) return;
    const path = pathOf(request);
    if (request.method === 'POST' && path.startsWith(answerPath))
      return takeAnswer(path.slice(answerPath.length), request, response, deps);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return words(response, 405, 'This page can only be read', 'Ask for it with GET.');
    }
    if (fromElsewhere(request, path))
      return words(response, 403, 'Another page asked for this', 'Open it by its own address.');
    if (path === '/login') return login(request, response, access);
    if (!(await access.admits(request))) {
      // One that is asked by a script would open a dialog over the page.
      if (asksForToken() && path === '/')
        response.setHeader('WWW-Authenticate', 'Basic realm="sallyport console: a token as password"');
      return words(response, 401, 'A link is needed', needsLink);
    }
    know(request.socket);
    if (path === '/state') return json(response, await state());
    if (path === '/events') return streams.open(request, response, () => access.admits(request));
    const name = path === '/' ? 'index.html' : path.replace(/^\/assets\//, '');
    if (path !== `/${name}` && assets(name, request, response)) return;
    words(response, 404, 'Not here', 'There is nothing at this address.');
  };
}

const answerPath = '/approvals/';

/** Takes an answer. Whoever answers may look, and has asked for it on this very page: another cannot know its token, or send this header. */
async function takeAnswer(
  id: string,
  request: IncomingMessage,
  response: ServerResponse,
  { access, approvals, know }: PagesDeps,
): Promise<void> {
  const refuse = (status: number, error: string) => sendJson(response, status, { error });
  const site = request.headers['sec-fetch-site'] ?? 'same-origin';
  if (fromElsewhere(request, request.url ?? '') || site !== 'same-origin')
    return refuse(403, 'another page asked for this');
  const who = await access.who(request);
  const answers = approvals();
  if (who === undefined) return refuse(401, 'a link is needed');
  know(request.socket);
  if (answers === undefined) return refuse(404, 'nobody is asked here');
  if (!answers.isToken(String(request.headers['x-sallyport-token'] ?? '')))
    return refuse(403, 'the page is of another start of the gateway: load it again');
  const body = await readJson(request, response, maxAnswerBytes).catch(() => ({ status: 400 }) as const);
  const approve = 'json' in body ? (Object(body.json) as { approve?: unknown }).approve : undefined;
  if (typeof approve !== 'boolean') return refuse(400, 'approve has to be true or false');
  const error = answers.answer(id, approve, who);
  if (error) return sendJson(response, error.httpStatus, { error: error.message, code: error.code });
  response.writeHead(204).end();
}

const maxAnswerBytes = 1_000;

const needsLink =
  'Type <kbd>sallyport console</kbd> on the machine of the gateway, as the user that it runs as: it prints a link that serves once, within ten minutes.';

function login(request: IncomingMessage, response: ServerResponse, access: Access): void {
  const key = new URL(request.url ?? '', 'http://console').searchParams.get('key') ?? '';
  // Who only looks whether there is something does not use up the link.
  const cookie = request.method === 'HEAD' ? undefined : access.login(key);
  if (cookie === undefined) {
    words(response, 401, 'This link has served', `A link serves once. ${needsLink}`);
    return;
  }
  response.setHeader('Set-Cookie', cookie);
  // What another site sent here would lose the cookie on a redirect, which counts as that site's (SameSite=Strict).
  if (request.headers['sec-fetch-site'] === 'cross-site') {
    response.setHeader('Refresh', '0; url=/');
    words(response, 200, 'Welcome', '<a href="/">To the page</a>');
  } else response.writeHead(303, { Location: '/' }).end();
}

/**
 * Whether another page had this asked for: its scripts, frames and images. A link that somebody follows is none of that. An
 * origin says so, and Fetch Metadata, which browsers send beside it.
 */
function fromElsewhere({ headers: { origin, host, ...rest } }: IncomingMessage, path: string): boolean {
  if (origin !== undefined && !origin.endsWith(`//${host}`)) return true;
  const site = rest['sec-fetch-site'] ?? 'none';
  const followed = rest['sec-fetch-mode'] === 'navigate' && rest['sec-fetch-dest'] === 'document';
  if (site === 'same-origin' || site === 'none') return false;
  return !(followed && (path === '/' || path === '/login'));
}

function json(response: ServerResponse, value: unknown): void {
  const body = JSON.stringify(value);
  const length = Buffer.byteLength(body);
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': length });
  response.end(body);
}

/** A page of words. `text` is ours, and HTML. */
function words(response: ServerResponse, status: number, title: string, text: string): void {
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title} · Sallyport</title>
<h1>${title}</h1>
<p>${text}</p>
</html>
`;
  const length = Buffer.byteLength(body);
  response.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', 'Content-Length': length });
  response.end(body);
}
