/** `host[:port]`: a name as DNS has them, an address of version 4, or one of version 6 in brackets and without a zone. */
const shape = /^(?:[a-z0-9_](?:[a-z0-9._~-]*)|\[[0-9a-f:.]+\])(?::\d{0,5})?$/i;

/** Nearly all requests to a server have the same one. */
let last: { readonly text: string; readonly name: string | undefined } = { text: '', name: undefined };

/**
 * The name in a Host header or an authority (RFC 9110 section 7.2): in lower case, an address as URLs write it, without a
 * dot at its end. Undefined where it is not valid: a user, a path, a list, an escape or a port out of range make it so.
 */
export function hostName(text: string): string | undefined {
  if (text !== last.text) last = { text, name: shape.test(text) ? urlHost(`http://${text}`) : undefined };
  return last.name;
}

/** The name in a URL or an origin, as `hostName` has it; undefined where it has none. */
export function urlHost(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/\.$/, '') || undefined;
}
