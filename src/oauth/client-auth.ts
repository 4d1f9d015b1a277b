import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { AuthorizationServer, ClientAuth } from 'oauth4webapi';
import type { ClientAuthMethod, OauthSettings } from '../config/index.js';
import { FileUnreadable, fileReason, OauthToken } from '../errors.js';
import { readFileText } from '../read-file.js';

type Library = typeof import('oauth4webapi');

/** A secret is shorter than this, and a key too, in bytes. */
const maxFileBytes = 65_536;

/**
 * How the client shows who it is (RFC 6749 section 2.3): by `client_auth`, else by what it has been given. Files are read
 * each time: what replaces them is in force with the next token. What must not be shown is added to `secrets`.
 *
 * @throws SALLY_FILE_UNREADABLE, SALLY_UPSTREAM_OAUTH_TOKEN
 */
export async function clientAuthOf(
  upstream: string,
  settings: OauthSettings,
  server: AuthorizationServer,
  library: Library,
  secrets: string[],
): Promise<ClientAuth> {
  const unusable = (detail: string, hint: string) =>
    OauthToken({ upstream, issuer: server.issuer, detail, hint });
  const secret = async (): Promise<string> => {
    const { clientSecret, clientSecretFile: path } = settings;
    const given = clientSecret ?? (path && (await readSecret(path))) ?? '';
    if (given === '') throw unusable('the client secret is empty', 'see client_secret of its oauth block');
    secrets.push(given);
    return given;
  };
  switch (settings.clientAuth ?? methodOf(settings, server)) {
    case 'client_secret_basic':
      return basicAuth(await secret());
    case 'client_secret_post':
      return library.ClientSecretPost(await secret());
    case 'tls_client_auth':
    case 'self_signed_tls_client_auth':
      return library.TlsClientAuth();
    case 'none':
      return library.None();
    case 'private_key_jwt': {
      const path = settings.privateKeyFile ?? '';
      const key = await readPrivateKey(path, upstream, server.issuer);
      const algorithm = algorithmOf(key, server);
      if (algorithm === undefined)
        throw unusable(
          `${path} is a key of a kind that signs no JWT`,
          'give an RSA, EC (P-256, P-384, P-521) or Ed25519 key',
        );
      const { importPKCS8 } = await import('jose');
      const pkcs8 = key.export({ type: 'pkcs8', format: 'pem' }).toString();
      const signing = await importPKCS8(pkcs8, algorithm);
      const { privateKeyId: kid } = settings;
      return library.PrivateKeyJwt(kid === undefined ? signing : { key: signing, kid });
    }
  }
}

/**
 * HTTP Basic (RFC 6749 section 2.3.1): name and secret in the encoding of forms, in which letters, digits and `-._~` stand as they
 * are. The library encodes those too, and a server that does not decode finds no such client.
 */
export function basicAuth(secret: string): ClientAuth {
  const formed = (text: string) =>
    encodeURIComponent(text)
      .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
      .replaceAll('%20', '+');
  return (_server, client, _body, headers) => {
    const credentials = Buffer.from(`${formed(client.client_id)}:${formed(secret)}`).toString('base64');
    headers.set('authorization', `Basic ${credentials}`);
  };
}

/** Whether tokens are asked for over the endpoints that a server has for client certificates (RFC 8705 section 5). */
export function usesCertificate({ clientAuth, ...settings }: OauthSettings): boolean {
  const { clientSecret, clientSecretFile, privateKeyFile, tls } = settings;
  if (clientAuth !== undefined) return clientAuth.includes('tls_client_auth');
  return tls?.certfile !== undefined && !clientSecret && !clientSecretFile && !privateKeyFile;
}

function methodOf(settings: OauthSettings, server: AuthorizationServer): ClientAuthMethod {
  if (settings.privateKeyFile !== undefined) return 'private_key_jwt';
  if (usesCertificate(settings)) return 'tls_client_auth';
  if (settings.clientSecret === undefined && settings.clientSecretFile === undefined) return 'none';
  // RFC 8414 section 2: a server that does not say takes basic.
  const taken = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return !taken.includes('client_secret_basic') && taken.includes('client_secret_post')
    ? 'client_secret_post'
    : 'client_secret_basic';
}

const curves: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

function algorithmOf(key: KeyObject, server: AuthorizationServer): string | undefined {
  switch (key.asymmetricKeyType) {
    case 'rsa': {
      const taken = server.token_endpoint_auth_signing_alg_values_supported;
      return taken?.includes('PS256') && !taken.includes('RS256') ? 'PS256' : 'RS256';
    }
    case 'ec':
      return curves[key.asymmetricKeyDetails?.namedCurve ?? ''];
    case 'ed25519':
      return 'Ed25519';
    default:
      return undefined;
  }
}

/** The secret in a file. @throws SALLY_FILE_UNREADABLE */
export const readSecret = async (path: string): Promise<string> =>
  (await readSmall(path, 'the client secret')).trim();

/** The key in a file. @throws SALLY_FILE_UNREADABLE, SALLY_UPSTREAM_OAUTH_TOKEN */
export async function readPrivateKey(path: string, upstream: string, issuer: string): Promise<KeyObject> {
  const pem = await readSmall(path, 'the private key of the client');
  try {
    return createPrivateKey(pem);
  } catch {
    const detail = `${path} holds no private key in PEM`;
    throw OauthToken({ upstream, issuer, detail, hint: 'give private_key_file an RSA, EC or Ed25519 key' });
  }
}

async function readSmall(path: string, what: string): Promise<string> {
  const text = await readFileText(path).catch((error: unknown) => {
    throw FileUnreadable({ path, what, reason: fileReason(error) }, error);
  });
  if (text.length > maxFileBytes)
    throw FileUnreadable({ path, what, reason: `it has more than ${maxFileBytes} bytes` });
  return text;
}
