import { validateHeaderName, validateHeaderValue } from 'node:http';
import { isObject } from '../../mcp/messages.js';

/** Headers that belong to the hop or to MCP itself: no plugin sets them. */
const hop =
  /^(host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|accept|accept-.*|content-.*|proxy-.*|mcp-.*|last-event-id)$/;

/**
 * What plugins added to or changed in the client's headers: that much goes to the upstream, and nothing else of them.
 * `refused` has the names of those that no plugin can set.
 */
export function extraHeaders(
  given: Readonly<Record<string, string>>,
  changed: unknown,
): { readonly headers: Record<string, string>; readonly refused: readonly string[] } {
  const headers: Record<string, string> = {};
  const refused: string[] = [];
  for (const [key, value] of Object.entries(isObject(changed) ? changed : {})) {
    const name = key.toLowerCase();
    if (given[name] === value) continue;
    if (typeof value === 'string' && !hop.test(name) && isHeader(name, value)) headers[name] = value;
    else refused.push(name);
  }
  return { headers, refused };
}

function isHeader(name: string, value: string): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value);
    return true;
  } catch {
    return false;
  }
}
