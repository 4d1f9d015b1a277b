import { signalOf } from '../../cancel.js';
import type { RequestOptions } from '../../mcp/client/session.js';
import { isObject, type JsonObject, type RpcResponse } from '../../mcp/messages.js';
import type { SessionRequest, UpstreamSession } from '../upstream.js';

/** What a user who has not consented can do: ask for the link, and give the code of its page. */
export interface SignIn {
  begin(): { readonly id: string; readonly url: string };
  /** Whether it is the code. */
  complete(code: string): Promise<boolean>;
}

/** JSON-RPC code of an error that names what a user has to open first (MCP 2025-11-25, URL mode elicitation). */
const urlElicitationRequired = -32042;
const signInTool = 'sign_in';

/** Marks an entry of a list that is made here. A symbol: nothing that comes off a wire can have it. */
const own: unique symbol = Symbol('own entry');

/** Whether an entry of a list is made here, and not by an upstream. */
export const isOwnEntry = (entry: object): boolean => own in entry;

const tool = (upstream: string) => ({
  [own]: true,
  name: signInTool,
  title: `Sign in to ${upstream}`,
  description: `Connects ${upstream} with the account of its user: without code it gives a link that the user opens in a browser; with the code that the page shows, the tools of ${upstream} can be used.`,
  inputSchema: {
    type: 'object',
    properties: { code: { type: 'string', description: 'the code that the page showed' } },
    additionalProperties: false,
  },
});

/** What an upstream is for a user who has not consented: one tool, by which that is done. Any other call says so. */
export class SignInSession implements UpstreamSession {
  readonly era = 'legacy' as const;
  readonly revision = '2025-11-25';
  readonly capabilities = { tools: { listChanged: true } };
  readonly instructions = undefined;
  readonly asks = true;
  readonly serverInfo: JsonObject;
  readonly #upstream: string;
  readonly #signIn: SignIn;
  readonly #listeners = new Map<string, SessionRequest>();
  readonly #takesUrls: boolean;
  readonly #isLegacy: boolean;

  /** For clients like the one of `first`: what a client can be asked, and how, is the same for all of them. */
  constructor(upstream: string, signIn: SignIn, first: SessionRequest) {
    this.#upstream = upstream;
    this.#signIn = signIn;
    this.#takesUrls = takesUrls(first.capabilities);
    this.#isLegacy = first.onRequest !== undefined;
    this.serverInfo = { name: upstream, version: '0' };
  }

  listen(request: SessionRequest): void {
    this.#listeners.set(request.client, request);
  }

  forget(client: string): void {
    this.#listeners.delete(client);
  }

  /** Tells whoever used it that there is more now, and that what they were asked to open has served. */
  done(elicitationId: string | undefined): void {
    for (const { onNotification } of this.#listeners.values()) {
      onNotification?.('notifications/tools/list_changed', undefined);
      onNotification?.('notifications/resources/list_changed', undefined);
      onNotification?.('notifications/prompts/list_changed', undefined);
      if (elicitationId !== undefined)
        onNotification?.('notifications/elicitation/complete', { elicitationId });
    }
  }

  async notify(): Promise<void> {}

  async request(
    method: string,
    params: JsonObject | undefined,
    options: RequestOptions,
  ): Promise<RpcResponse> {
    if (method === 'tools/list') return { result: { tools: [tool(this.#upstream)] } };
    if (method === 'ping') return { result: {} };
    if (method !== 'tools/call') return { error: { code: -32601, message: `Method not found: ${method}` } };
    const given = params?.['arguments'];
    const code = isObject(given) ? given['code'] : undefined;
    const isSignIn = params?.['name'] === signInTool;
    if (isSignIn && typeof code === 'string' && code !== '') {
      const right = await this.#signIn.complete(code);
      const text = right
        ? `You are signed in to ${this.#upstream}: its tools can be used now.`
        : 'That is not the code that the page shows, or it has ended.';
      return said(text, !right);
    }
    const { id, url } = this.#signIn.begin();
    const message = `Open the link to let ${this.#upstream} be used in your name; then call the tool ${signInTool} of ${this.#upstream} with the code that the page shows.`;
    const elicitation = { mode: 'url', elicitationId: id, url, message };
    if (this.#takesUrls && this.#isLegacy)
      return { error: { code: urlElicitationRequired, message, data: { elicitations: [elicitation] } } };
    if (this.#takesUrls && options.onRequest) {
      const { signal } = options;
      const answer = await options.onRequest('elicitation/create', elicitation, signalOf(signal));
      // A client that cannot after all still gets the link.
      if ('error' in answer) return said(`${message}\n\n${url}`, !isSignIn);
      if (answer.result['action'] !== 'accept') return said(`The link was not opened: ${url}`, true);
      return said(
        `Call the tool ${signInTool} of ${this.#upstream} with the code that the page showed.`,
        !isSignIn,
      );
    }
    return said(`${message}\n\n${url}`, !isSignIn);
  }
}

function takesUrls(capabilities: JsonObject): boolean {
  const elicitation = capabilities['elicitation'];
  return isObject(elicitation) && isObject(elicitation['url']);
}

function said(text: string, isError: boolean): RpcResponse {
  return { result: { content: [{ type: 'text', text }], ...(isError && { isError }) } };
}
