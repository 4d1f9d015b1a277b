import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/**
 * An OAuth 2.1 authorization server on this machine: metadata (RFC 8414), dynamic registration (RFC 7591), PKCE, and a
 * person who consents to everything at once. `asked` is what clients came for.
 */
export async function startAuthorizationServer() {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' };
  const codes = new Map();
  const asked = new Set();
  let issuer;
  const metadata = () => ({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none', 'client_secret_post', 'client_secret_basic'],
    scopes_supported: ['mcp'],
  });
  const accessToken = (audience) =>
    new SignJWT({ scope: 'mcp', client_id: 'realworld' })
      .setProtectedHeader({ alg: 'ES256', kid: 'one', typ: 'at+jwt' })
      .setSubject('ada@example.org')
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt()
      .setJti(randomUUID())
      .setExpirationTime('5m')
      .sign(privateKey);
  const routes = {
    'GET /.well-known/oauth-authorization-server': () => [200, metadata()],
    'GET /jwks': () => [200, { keys: [jwk] }],
    'POST /register': (_url, body) => [
      201,
      { ...JSON.parse(body), client_id: randomUUID(), token_endpoint_auth_method: 'none' },
    ],
    'GET /authorize': ({ searchParams: asks }) => {
      const code = randomUUID();
      codes.set(code, { challenge: asks.get('code_challenge'), resource: asks.get('resource') });
      const back = new URL(asks.get('redirect_uri'));
      back.searchParams.set('code', code);
      back.searchParams.set('iss', issuer);
      if (asks.has('state')) back.searchParams.set('state', asks.get('state'));
      return [302, undefined, { location: back.href }];
    },
    'POST /token': async (_url, body) => {
      const form = new URLSearchParams(body);
      const granted = codes.get(form.get('code'));
      codes.delete(form.get('code'));
      const verifier = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      if (granted?.challenge !== verifier) return [400, { error: 'invalid_grant' }];
      const audience = form.get('resource') ?? granted.resource;
      if (!audience) return [400, { error: 'invalid_target', error_description: 'no resource was named' }];
      return [
        200,
        { access_token: await accessToken(audience), token_type: 'Bearer', expires_in: 300, scope: 'mcp' },
      ];
    },
  };
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, issuer);
    const route = `${request.method} ${url.pathname}`;
    asked.add(route);
    const [status, body, headers] = (await routes[route]?.(url, await text(request))) ?? [
      404,
      { error: 'not found' },
    ];
    response.writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...headers,
    });
    response.end(body && JSON.stringify(body));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  issuer = `http://127.0.0.1:${server.address().port}`;
  return {
    issuer,
    jwks: `${issuer}/jwks`,
    /** What was asked for since the last look. */
    asked() {
      const routes = [...asked];
      asked.clear();
      return routes;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
