import type { HookCallEnd, Observer } from '../../src/telemetry/index.js';

/** What was begun, and how often and how it ended. */
export interface Seen {
  readonly kind: 'request' | 'upstreamCall' | 'hookCall' | 'handshake' | 'reload';
  readonly start: Readonly<Record<string, unknown>>;
  /** Of a request. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** The request that it belongs to, where it does. */
  readonly of?: Seen | undefined;
  readonly ends: unknown[];
  /** Where it was said to go. */
  readonly routed: (string | undefined)[][];
  /** The method of the JSON-RPC request that it turned out to be. */
  serves?: string;
}

/** An observer that writes down what it is told; `headers` go with the calls. */
export function recorder(headers?: Readonly<Record<string, string>>) {
  const seen: Seen[] = [];
  const begin = (kind: Seen['kind'], given: object, of?: Seen): Seen => {
    const { headers = {}, ...start } = { ...given } as { headers?: Seen['headers'] };
    const one: Seen = { kind, start, headers, of, ends: [], routed: [] };
    seen.push(one);
    return one;
  };
  const begun = (one: Seen) => ({
    headers,
    end: (end: unknown) => {
      one.ends.push(end);
    },
  });
  const observer = {
    request(start) {
      const one = begin('request', { method: start.method, headers: start.headers });
      return {
        ...begun(one),
        serves({ method }) {
          one.serves = method;
        },
        routed: (...to) => one.routed.push(to),
        upstreamCall: (call) => begun(begin('upstreamCall', call, one)),
        hookCall: (call) => begun(begin('hookCall', call, one)),
      };
    },
    upstreamCall: (start) => begun(begin('upstreamCall', start)),
    hookCall: (start) => begun(begin('hookCall', start)),
    handshake: (start) => begun(begin('handshake', start)),
    reload: (start) => begun(begin('reload', start)),
  } satisfies Observer;
  return {
    observer,
    seen,
    of: (kind: Seen['kind']) => seen.filter((one) => one.kind === kind),
    /** Those that did not end exactly once. */
    get loose() {
      return seen.filter(({ ends }) => ends.length !== 1);
    },
  };
}

/** Plugin, hook and decision of hook calls. */
export const decisionsOf = (all: readonly Seen[]) =>
  all.map(({ start, ends }) => [
    start['plugin'],
    start['hook'],
    (ends[0] as HookCallEnd | undefined)?.decision,
  ]);
