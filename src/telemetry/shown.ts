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

/** The id of the trace that a `traceparent` belongs to (W3C Trace Context); undefined where it is none. */
export function traceIdIn(header: unknown): string | undefined {
  if (typeof header !== 'string') return undefined;
  return /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(header)?.[1];
}
