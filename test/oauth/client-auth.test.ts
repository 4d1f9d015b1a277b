import { describe, expect, it } from 'vitest';
import { basicAuth } from '../../src/oauth/client-auth.js';

const server = { issuer: 'https://idp.example' };

function shown(clientId: string, secret: string): string {
  const headers = new Headers();
  void basicAuth(secret)(server, { client_id: clientId }, new URLSearchParams(), headers);
  const [, credentials = ''] = /^Basic (\S+)$/.exec(headers.get('authorization') ?? '') ?? [];
  return Buffer.from(credentials, 'base64').toString();
}

describe('client_secret_basic', () => {
  it('leaves what needs no encoding as it is: there are servers that decode nothing', () => {
    expect(shown('7f9c-4e.2a_b~c', 'a-b_c.d~e')).toBe('7f9c-4e.2a_b~c:a-b_c.d~e');
  });

  it('encodes the rest as forms do (RFC 6749 section 2.3.1)', () => {
    const [id = '', secret = ''] = shown('https://a:b@c', "a b+c%d:é!'()*").split(':');
    expect([id, secret]).toEqual(['https%3A%2F%2Fa%3Ab%40c', 'a+b%2Bc%25d%3A%C3%A9%21%27%28%29%2A']);
    const decoded = new URLSearchParams(`id=${id}&secret=${secret}`);
    expect([decoded.get('id'), decoded.get('secret')]).toEqual(['https://a:b@c', "a b+c%d:é!'()*"]);
  });
});
