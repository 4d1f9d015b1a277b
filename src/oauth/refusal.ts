import { findSallyError, OauthToken, type SallyError } from '../errors.js';
import { reasonOf } from './fetch.js';

/** Why a server gave no token, without what was sent to it. */
export function tokenRefusal(
  upstream: string,
  issuer: string,
  error: unknown,
  secrets: readonly string[],
): SallyError {
  const known = findSallyError(error);
  if (known?.code.startsWith('SALLY_UPSTREAM_')) return known;
  const { status, response } = error as { status?: unknown; response?: { status?: unknown } };
  const { error: code, error_description: said } = refusalOf(error);
  const http = status ?? response?.status;
  const text =
    typeof code === 'string' ? `${code}${typeof said === 'string' ? `: ${said}` : ''}` : reasonOf(error);
  const detail = `${plain(text, secrets)}${typeof http === 'number' ? ` (HTTP ${http})` : ''}`;
  const hint = typeof code === 'string' ? hints[code] : known?.remedy;
  return OauthToken({ upstream, issuer, detail, hint });
}

/** What a server refuses with: in the body (RFC 6749 section 5.2), or in the challenge of a 401. */
function refusalOf(error: unknown): { readonly error?: unknown; readonly error_description?: unknown } {
  const { error: code, cause } = error as { error?: unknown; cause?: unknown };
  if (code !== undefined || !Array.isArray(cause)) return error as { readonly error?: unknown };
  const all = cause as readonly { readonly parameters?: Readonly<Record<string, unknown>> }[];
  return all.find(({ parameters }) => parameters?.['error'])?.parameters ?? {};
}

/** What to look at, by the errors of RFC 6749 section 5.2, RFC 8707 and RFC 8693. */
const hints: Readonly<Record<string, string>> = {
  invalid_client: 'check client_id, client_auth and the secret, key or certificate of the oauth block',
  unauthorized_client: 'allow this client the grant at the authorization server, or choose another grant',
  unsupported_grant_type: 'the server does not have this grant: choose another in the oauth block',
  invalid_scope: 'check scopes of the oauth block against what this client is allowed',
  invalid_target:
    'the server knows no such resource: register it there, or set resource or audience of the oauth block',
};

/** A text of a server for errors and logs: one line, bounded, and without what was sent to it. */
function plain(text: string, secrets: readonly string[]): string {
  let shown = text;
  for (const secret of secrets) shown = shown.replaceAll(secret, '(hidden)');
  return shown
    .slice(0, 300)
    .replace(/[^\x20-\x7e\u00a0-\ud7ff]+/g, ' ')
    .trim();
}
