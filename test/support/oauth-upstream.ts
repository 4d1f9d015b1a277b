import type { UpstreamSettings } from '../../src/config/index.js';
import type { UpstreamDeps } from '../../src/gateway/upstream/index.js';
import { secretClient } from './authorization-server.js';
import { cert } from './certs.js';
import { httpUpstream, open, patient, sessionRequest, textOf } from './upstreams.js';

type Oauth = NonNullable<Extract<UpstreamSettings, { transport: 'http' }>['oauth']>;

/** TLS towards an authorization server of the fixture CA. */
export const serverTls = { caBundle: cert('ca.crt'), verify: true, checkHostname: true };

/** A client with a secret, of a server that is this machine. */
const settings: Oauth = {
  grant: 'client_credentials',
  clientId: secretClient.client_id,
  clientSecret: secretClient.client_secret,
  scopes: [],
  privateHosts: ['localhost'],
  tls: serverTls,
};

/** What of `settings` another kind of client has not. */
export const withoutSecret = { clientSecret: undefined } as unknown as Partial<Oauth>;

/** An upstream with OAuth; closed when the test ends. */
export function openOauth(url: string, more: Partial<Oauth> = {}, deps: Partial<UpstreamDeps> = {}) {
  return open(httpUpstream(url, { oauth: { ...settings, ...more } }), deps);
}

/** Calls `whoami`, and answers with its text. */
export async function whoami(upstream: ReturnType<typeof openOauth>, request = sessionRequest()) {
  const session = await upstream.session(request, patient());
  const call = { name: 'whoami', arguments: {} };
  return textOf(await session.request('tools/call', call, { signal: patient() }));
}
