import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { createLocalJWKSet, exportJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import Provider, { errors, type GrantContext } from 'oidc-provider';
import { onTestFinished } from 'vitest';
import { cert } from './certs.js';

export const tokenExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const jwtBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** One request at the token endpoint. */
export interface TokenRequest {
  readonly parameters: Record<string, string>;
  readonly authorization: string | undefined;
}

interface ServerOptions {
  readonly clients?: readonly object[];
  /** Seconds that an access token lives. Default 600. */
  readonly ttl?: number;
  readonly plain?: boolean;
  /** Further configuration of the provider. */
  readonly more?: object;
}

const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const scopes = ['read', 'write', 'admin'];
/** What a user's token is for at the gateway. */
export const gatewayAudience = 'https://gateway.example/mcp';

/** A client that may ask for tokens of its own, with a secret. */
export const secretClient = {
  client_id: 'gateway',
  client_secret: 'a secret & of characters that are escaped: %+/=',
  grant_types: ['client_credentials', tokenExchange, jwtBearer],
  redirect_uris: [],
  response_types: [],
};

/** An authorization server, `oidc-provider`, over https of the fixture CA: it asks for client certificates and needs none. */
export async function startAuthorizationServer(options: ServerOptions = {}) {
  const { clients = [secretClient], ttl = 600, plain = false, more } = options;
  const requests: TokenRequest[] = [];
  const paths: string[] = [];
  let handle: RequestListener = (_, response) => response.writeHead(503).end();
  const listener: RequestListener = (request, response) => {
    paths.push(request.url ?? '');
    const chunks: Buffer[] = [];
    if (request.url === '/token') {
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const parameters = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
        requests.push({ parameters, authorization: request.headers.authorization });
      });
    }
    handle(request, response);
  };
  const server = plain
    ? createHttpServer(listener)
    : createHttpsServer(
        {
          cert: await readFile(cert('server.crt')),
          key: await readFile(cert('server.key')),
          ca: await readFile(cert('ca.crt')),
          requestCert: true,
          rejectUnauthorized: false,
        },
        listener,
      );
  server.listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `${plain ? 'http' : 'https'}://localhost:${port}`;
  const key: JWK = { ...(await exportJWK(signing.privateKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const info = (resource: string) => ({
    scope: scopes.join(' '),
    audience: resource,
    accessTokenTTL: ttl,
    accessTokenFormat: 'jwt',
    jwt: { sign: { alg: 'ES256' } },
  });
  const provider = new Provider(issuer, {
    clients,
    scopes,
    jwks: { keys: [key] },
    ttl: { ClientCredentials: ttl, AccessToken: ttl, Grant: 3600, Interaction: 600, Session: 3600 },
    enabledJWA: {
      idTokenSigningAlgValues: ['ES256', 'RS256'],
      clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'Ed25519'],
    },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'tls_client_auth',
      'none',
    ],
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_: unknown, resource: string) => info(resource),
        defaultResource: () => undefined,
        useGrantedResource: () => true,
      },
      mTLS: {
        enabled: true,
        tlsClientAuth: true,
        certificateBoundAccessTokens: true,
        getCertificate: ({ req }: { req: { socket: TLSSocket } }) => {
          const { raw } = req.socket.getPeerCertificate();
          return raw ? new X509Certificate(raw) : undefined;
        },
        certificateAuthorized: ({ req }: { req: { socket: TLSSocket } }) => req.socket.authorized,
        certificateSubjectMatches: ({ req }: { req: { socket: TLSSocket } }, _: string, expected: string) =>
          expected === `CN=${req.socket.getPeerCertificate().subject.CN}`,
      },
      ...(more as { features?: object } | undefined)?.features,
    },
    ...Object.fromEntries(Object.entries(more ?? {}).filter(([name]) => name !== 'features')),
  });
  const forUser = (parameter: string) => async (ctx: GrantContext) => {
    const { params, client } = ctx.oidc;
    const { payload } = await jwtVerify(params[parameter] ?? '', keys, {
      issuer,
      audience: gatewayAudience,
    }).catch(() => {
      throw new errors.InvalidGrant('the token of the user is not valid');
    });
    const { resource } = params;
    if (resource === undefined) throw new errors.InvalidTarget();
    const token = new provider.AccessToken({ accountId: payload.sub, client, scope: params['scope'] });
    token.resourceServer = new provider.ResourceServer(resource, info(resource));
    const value = await token.save();
    ctx.body = {
      access_token: value,
      expires_in: token.expiration,
      token_type: token.tokenType,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    };
  };
  provider.registerGrantType(tokenExchange, forUser('subject_token'), [
    'subject_token',
    'subject_token_type',
    'requested_token_type',
    'resource',
    'audience',
    'scope',
  ]);
  provider.registerGrantType(jwtBearer, forUser('assertion'), ['assertion', 'resource', 'scope']);
  // A client that was registered has a place, which some servers (Keycloak) name in the Location of the 201.
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.status === 201) ctx.set('location', `${issuer}/clients/new`);
  });
  handle = provider.callback();
  const { d: _, ...publicKey } = key;
  const jwks = { keys: [publicKey] };
  const keys = createLocalJWKSet(jwks);
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  return { issuer, port, provider, requests, paths, jwks, keys };
}

export type AuthorizationServer = Awaited<ReturnType<typeof startAuthorizationServer>>;

/** A token of a user for the gateway, as its own authorization server would give. */
export function userToken({ issuer }: AuthorizationServer, user: string, seconds = 300): Promise<string> {
  return new SignJWT({ scope: 'mcp' })
    .setProtectedHeader({ alg: 'ES256', kid: 'k1', typ: 'at+jwt' })
    .setIssuer(issuer)
    .setAudience(gatewayAudience)
    .setSubject(user)
    .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
    .sign(signing.privateKey as KeyObject);
}
