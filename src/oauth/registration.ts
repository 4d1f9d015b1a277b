import type { AuthorizationServer, DynamicClientRegistrationRequestOptions } from 'oauth4webapi';
import { parseJson } from '../json/index.js';

/** Whom an authorization server gives the tokens of users to. Secret, where it was registered with one. */
export interface ClientIdentity {
  readonly id: string;
  readonly secret?: string | undefined;
  readonly method?: 'client_secret_basic' | 'client_secret_post' | undefined;
}

/** What a client that asks users says of itself (RFC 7591 section 2). */
export function clientMetadata(redirectUri: string, method: 'none' | ClientIdentity['method'] = 'none') {
  return {
    client_name: 'Sallyport',
    // OpenID Connect Registration section 2: a redirect to this machine is that of a native application.
    application_type: redirectUri.startsWith('https:') ? 'web' : 'native',
    redirect_uris: [redirectUri],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: method,
  };
}

/** How a client that the server does not know yet can show who it is: not at all, where that is enough. */
function methodFor(server: AuthorizationServer): 'none' | NonNullable<ClientIdentity['method']> {
  const taken = server.token_endpoint_auth_methods_supported;
  if (taken === undefined || taken.includes('none')) return 'none';
  if (taken.includes('client_secret_basic')) return 'client_secret_basic';
  return taken.includes('client_secret_post') ? 'client_secret_post' : 'none';
}

/** Registers a client (RFC 7591). Rejects with what the library throws. */
export async function registerClient(
  server: AuthorizationServer,
  redirectUri: string,
  library: typeof import('oauth4webapi'),
  options: DynamicClientRegistrationRequestOptions,
): Promise<ClientIdentity> {
  const metadata = clientMetadata(redirectUri, methodFor(server));
  const reply = await library.dynamicClientRegistrationRequest(server, metadata, options);
  const {
    client_id: id,
    client_secret: secret,
    token_endpoint_auth_method: said = metadata.token_endpoint_auth_method,
  } = await library.processDynamicClientRegistrationResponse(await completed(reply));
  // Some give a secret to a client that asked for none, and want to see none.
  const method = said === 'client_secret_basic' || said === 'client_secret_post' ? said : undefined;
  return typeof secret === 'string' && method !== undefined ? { id, secret, method } : { id };
}

/** RFC 7591 section 3.2.1 wants `client_secret_expires_at` beside a secret, and 201: there are servers that give neither. */
async function completed(reply: Response): Promise<Response> {
  if (reply.status !== 200 && reply.status !== 201) return reply;
  const { headers } = reply;
  const text = await reply.text();
  let body: string | object = text;
  try {
    body = { client_secret_expires_at: 0, ...(parseJson(text) as object) };
  } catch {
    // The library says what it is.
  }
  const json = typeof body === 'string' ? body : JSON.stringify(body);
  return new Response(json, { status: 201, headers: { 'content-type': headers.get('content-type') ?? '' } });
}
