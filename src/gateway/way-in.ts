import { createCors, createForwarding, type HostGuard, type Reply, type RequestHead } from '../http/index.js';

interface WayInOptions {
  readonly allowedOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly guard: HostGuard;
}

/** What a request meets before it is looked at: it says whether it has answered. */
type Before = (request: RequestHead, reply: Reply) => boolean;

/** What comes before every request of the main port; undefined where the configuration asks for nothing. */
export function createWayIn({ allowedOrigins, trustedProxies, guard }: WayInOptions): Before | undefined {
  const forwarding = createForwarding(trustedProxies);
  const cors = createCors(allowedOrigins, guard);
  if (forwarding === undefined) return cors;
  return (request, reply) => {
    request.forwarded = forwarding(request);
    return cors?.(request, reply) ?? false;
  };
}

/** `handle` behind `before`, where there is something before it. */
export function behind<Request extends RequestHead, Answer extends Reply>(
  before: Before | undefined,
  handle: (request: Request, reply: Answer) => Promise<void> | void,
): (request: Request, reply: Answer) => Promise<void> {
  if (before === undefined) return handle as (request: Request, reply: Answer) => Promise<void>;
  return async (request, reply) => {
    if (!before(request, reply)) await handle(request, reply);
  };
}
