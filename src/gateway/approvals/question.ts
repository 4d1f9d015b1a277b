import { createHash } from 'node:crypto';
import { type AskWay, askOf, type Violation } from '../../hooks/index.js';
import { isJsonObject, writeJson } from '../../json/index.js';
import { randomId } from '../../sessions/index.js';
import { clientName } from '../../telemetry/index.js';
import { type ClientRequest, principalOf } from '../client.js';
import { type Shown, sentence, shownValue } from './shown.js';

/** Why a person is to be asked, and by whom it is wanted. */
export interface Wanted {
  /** `plugin guard`, or the rule. */
  readonly source: string;
  readonly reason: string;
  /** The ways of which one is enough; absent: those of the gateway. */
  readonly by?: readonly AskWay[];
}

/** What waits: the call before it goes out, or its result before the client gets it. */
export interface Subject {
  readonly what: string;
  /** As the upstream has it. */
  readonly name: string;
  readonly upstream: string;
  readonly args: unknown;
  /** Of a result that is held back. */
  readonly result?: unknown;
}

/** One question, as JSON: what a person is shown of a call that waits. No more of the call is kept here. */
export interface Question {
  readonly id: string;
  /** The same for the same call of the same principal, asked for by the same for the same reason. */
  readonly key: string;
  readonly principal: string;
  readonly askedAt: string;
  readonly answerBy: string;
  readonly user: string | null;
  readonly tenant: string | null;
  readonly client: string;
  readonly method: string;
  readonly what: string;
  readonly name: string;
  readonly upstream: string;
  readonly stage: 'call' | 'result';
  readonly wants: readonly Pick<Wanted, 'source' | 'reason'>[];
  readonly args: Shown;
  readonly result?: Shown;
}

/** What plugins ask for, as their violations say it. */
export function wantedBy(violations: readonly Violation[]): readonly Wanted[] {
  return violations.map((violation) => {
    const by = askOf(violation)?.by;
    const { plugin_name: plugin, reason, description } = violation;
    return {
      source: `plugin ${plugin ?? ''}`,
      reason: reason || description,
      ...(by && { by }),
    };
  });
}

/** The question whether `subject` may go on. */
export function questionOf(
  { client, method }: Pick<ClientRequest, 'client' | 'method'>,
  { what, name, upstream, args, result }: Subject,
  wanted: readonly Wanted[],
  { now, timeoutMs }: { readonly now: number; readonly timeoutMs: number },
): Question {
  const principal = principalOf(client.identity);
  const wants = wanted.map(({ source, reason }) => ({
    source: sentence(source, 200),
    reason: sentence(reason),
  }));
  const stage = result === undefined ? 'call' : 'result';
  const ways = wanted.map(({ by }) => by ?? null);
  const same = [principal, method, upstream, name, stage, sorted(args), sorted(result), wants, ways];
  return {
    id: randomId(),
    key: createHash('sha256').update(writeJson(same)).digest('base64url'),
    principal,
    askedAt: new Date(now).toISOString(),
    answerBy: new Date(now + timeoutMs).toISOString(),
    user: client.identity.user,
    tenant: client.identity.tenant,
    client: sentence(clientName(client.info), 100),
    method,
    what,
    name: sentence(name, 300),
    upstream,
    stage,
    wants,
    args: shownValue(args ?? {}),
    ...(result !== undefined && { result: shownValue(result) }),
  };
}

/** The same value in the one order of its keys. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value ?? null;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, one]) => [key, sorted(one)]);
}
