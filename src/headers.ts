/** A token, which the name of a header is (RFC 9110 section 5.6.2), as the source of an expression. */
export const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";

/** What the name of a header has to be. */
export const headerName = new RegExp(`^${token}$`);

/** RFC 9110 section 5.5: with anything else in it, a value could begin another header. */
export const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What belongs to one connection (RFC 9110 section 7.6.1) and is made for it: nobody passes it on. In lower case, as all names here. */
export const connectionHeaders: ReadonlySet<string> = new Set([
  'connection',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The same, and what says how long a body is (RFC 9112 section 6): made where the message is written. */
export const framingHeaders: ReadonlySet<string> = new Set([...connectionHeaders, 'content-length']);
