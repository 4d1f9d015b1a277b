import { GatewayStopping } from '../../errors.js';
import type { Message } from '../../mcp/messages.js';
import { wordOf } from '../router/index.js';
import { classify } from './classify.js';
import { type Exchange, type LegDeps, refuse, refuseWith } from './exchange.js';
import { serveLegacy } from './legacy.js';
import { serveModern } from './modern.js';
import { passOn, sessionHolder } from './pass-on.js';

/** A posted message of either era: it is served here, or by the worker that holds what it is about. */
export async function serveMessage(
  message: Exclude<Message, { kind: 'invalid' }>,
  exchange: Exchange,
  deps: LegDeps,
): Promise<void> {
  // What belongs to calls that are under way goes on.
  if (message.kind === 'request' && deps.stopping())
    return refuseWith(exchange, message.method, GatewayStopping({}), deps, message.id);
  const classified = message.kind === 'reply' ? legacy : classify(message, exchange.headers);
  if (classified.kind === 'refused' && message.kind !== 'reply') {
    const id = message.kind === 'request' ? message.id : null;
    return refuse(exchange, message.method, classified.refusal, deps, { id });
  }
  const modern = classified.kind === 'modern';
  if (deps.peers !== undefined) {
    const holder = modern
      ? deps.peers.holderOf(message.kind === 'request' ? wordOf(message.params['requestState']) : undefined)
      : sessionHolder(exchange, deps);
    if (holder !== undefined && (await passOn(holder, { kind: 'post', message }, exchange, deps))) return;
  }
  if (classified.kind !== 'modern') return serveLegacy(message, exchange, deps);
  if (message.kind === 'request') return serveModern(message, classified.envelope, exchange, deps);
  // 2026-07-28 has no notifications of clients over HTTP; one of an extension has nobody to hear it.
  return exchange.reply.empty(202);
}

const legacy = { kind: 'legacy' } as const;
