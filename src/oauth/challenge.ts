/** The parameters of the `Bearer` challenge of a `WWW-Authenticate` header (RFC 9110 section 11.6.1); undefined where there is none. */
export function bearerChallenge(header: string): Readonly<Record<string, string>> | undefined {
  const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
  const parts = new RegExp(
    `\\s*(?:(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token}))|(${token})(?=[\\s,]|$))[\\s,]*`,
    'y',
  );
  let found: Record<string, string> | undefined;
  let within = false;
  // Sticky: what is no challenge ends it.
  for (let part = parts.exec(header); part !== null; part = parts.exec(header)) {
    const [, name, quoted, bare, scheme] = part;
    if (scheme !== undefined) {
      if (found) break;
      within = scheme.toLowerCase() === 'bearer';
      if (within) found = {};
    } else if (within && found && name !== undefined)
      found[name.toLowerCase()] ??= quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '';
  }
  return found;
}

/** The scopes of a text as RFC 6749 section 3.3 has them. */
export function scopesOf(text: unknown): string[] {
  return typeof text === 'string'
    ? [...new Set(text.split(/\s+/).filter((scope) => scopeToken.test(scope)))]
    : [];
}

const scopeToken = /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/;
