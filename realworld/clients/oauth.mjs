import { createServer } from 'node:http';

/** A provider for the clients of the TypeScript SDK, whose person consents at once, and the code that comes back. */
export async function oauthProvider() {
  const kept = {};
  let code;
  const server = createServer((request, response) => {
    code = new URL(request.url, 'http://127.0.0.1').searchParams.get('code');
    response.end('thank you');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const redirectUrl = `http://127.0.0.1:${server.address().port}/callback`;
  const keep = (name) => (value) => {
    kept[name] = value;
  };
  const provider = {
    redirectUrl,
    clientMetadata: {
      client_name: 'realworld',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    },
    clientInformation: () => kept.client,
    saveClientInformation: keep('client'),
    tokens: () => kept.tokens,
    saveTokens: keep('tokens'),
    codeVerifier: () => kept.verifier,
    saveCodeVerifier: keep('verifier'),
    redirectToAuthorization: async (url) => {
      await fetch(url);
    },
  };
  return { provider, code: () => code, close: () => server.close() };
}

/** Connects, and once more with the token where the first try was refused. */
export async function connectWithOauth(makeTransport, connect) {
  const oauth = await oauthProvider();
  const first = makeTransport(oauth.provider);
  try {
    await connect(first);
  } catch (error) {
    if (!oauth.code()) throw error;
    await first.finishAuth(oauth.code());
    await connect(makeTransport(oauth.provider));
  }
}
