/** Hooks around the HTTP request: they are the same for all, so that what they let pass is told of nowhere. */
export const aroundHttp: ReadonlySet<string> = new Set([
  'http_pre_request',
  'http_auth_resolve_user',
  'http_post_request',
]);

/** A client chooses its methods, and the names it asks for: a line does not grow with them. */
const longest = 200;

export function bounded(text: string): string {
  return text.length > longest ? `${text.slice(0, longest - 1)}…` : text;
}

const secretValue = /([?&#][^=&#]*(?:token|secret|passw|pwd|key|sig|auth|cred|session)[^=&#]*=)[^&#]*/gi;
const userInfo = /^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i;

/** The name of a tool or a prompt, or a URI without what lets somebody in: who reads a log is not to have it. */
export function shownTarget(target: string): string {
  if (!target.includes('=') && !target.includes('@')) return bounded(target);
  return bounded(target.replace(userInfo, '$1…@').replace(secretValue, '$1…'));
}
