import * as library from 'oauth4webapi';
import { describe, expect, it } from 'vitest';
import { registerClient } from '../../src/oauth/registration.js';

const callback = 'http://localhost:4444/oauth/callback';

/** Registers at a server with this metadata that replies with `reply`; what it was sent, and what came of it. */
async function registered(metadata: object, reply: object, status = 201) {
  let sent: Record<string, unknown> = {};
  const server = { issuer: 'https://idp.example', registration_endpoint: 'https://idp.example/register' };
  const identity = await registerClient({ ...server, ...metadata }, callback, library, {
    [library.customFetch]: async (_url: string, { body }: { body: string }) => {
      sent = JSON.parse(body) as Record<string, unknown>;
      return new Response(JSON.stringify(reply), { status, headers: { 'content-type': 'application/json' } });
    },
  } as never);
  return { sent, identity };
}

describe('a client that is registered', () => {
  it('keeps no secret where the server takes it without one', async () => {
    const metadata = { token_endpoint_auth_methods_supported: ['client_secret_basic', 'none'] };
    const { sent, identity } = await registered(metadata, { client_id: 'c', client_secret: 's' });
    expect(sent).toMatchObject({ token_endpoint_auth_method: 'none', application_type: 'native' });
    expect(identity).toEqual({ id: 'c' });
  });

  it.each(['client_secret_basic', 'client_secret_post'] as const)(
    'shows its secret by %s where the server has nothing else',
    async (method) => {
      const metadata = { token_endpoint_auth_methods_supported: [method] };
      const { sent, identity } = await registered(metadata, { client_id: 'c', client_secret: 's' });
      expect(sent['token_endpoint_auth_method']).toBe(method);
      expect(identity).toEqual({ id: 'c', secret: 's', method });
    },
  );

  it('does as the reply says, where that is another way', async () => {
    const reply = { client_id: 'c', client_secret: 's', token_endpoint_auth_method: 'client_secret_post' };
    expect((await registered({}, reply, 200)).identity).toMatchObject({ method: 'client_secret_post' });
  });

  it('is none where the reply names none', async () => {
    await expect(registered({}, { client_secret: 's' })).rejects.toThrow('client_id');
    await expect(registered({}, { error: 'invalid_client_metadata' }, 400)).rejects.toMatchObject({
      status: 400,
    });
  });
});
