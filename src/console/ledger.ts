import type { ClientFacts, Decision, TrafficFacts } from './facts.js';
import { everySeconds, quantile, type SeenClient, type Share, type Slot, timeClasses } from './share.js';

/** What a ledger keeps: the last hour, and the newest of what has no end. */
const slotsKept = 360;
const clientsKept = 500;
const decisionsKept = 200;
/** Of the decisions that are shown, so many are not pushed out by those that let calls through. */
const notableKept = 100;

/** Sessions that are open, by whose they are. */
export interface OpenSessions extends Pick<SeenClient, 'user' | 'tenant' | 'name' | 'version' | 'era'> {
  readonly sessions: number;
}

type Counts<Name extends string> = Record<Name, number>;

/** Keeps what the collectors of all processes have seen. Its size has bounds, whatever passes. */
export class Ledger {
  readonly #slots = new Map<number, Slot & { times: number[] }>();
  readonly #clients = new Map<string, SeenClient>();
  readonly #plain: Decision[] = [];
  readonly #notable: Decision[] = [];
  readonly upstreams = new Map<string, Counts<'calls' | 'failed'>>();
  readonly plugins = new Map<string, Counts<'calls' | 'blocked' | 'failed'>>();
  #lastId = 0;

  /** Takes what one process has seen; the decisions of it, with their ids. */
  add(share: Share): readonly Decision[] {
    for (const slot of share.slots) this.#addSlot(slot);
    for (const client of share.clients) this.#addClient(client);
    for (const [name, counts] of Object.entries(share.upstreams)) addTo(this.upstreams, name, counts);
    for (const [name, counts] of Object.entries(share.plugins)) addTo(this.plugins, name, counts);
    return share.decisions.map((one) => {
      this.#lastId += 1;
      const decision = { id: this.#lastId, ...one };
      const kept = one.verdict === 'continue' ? this.#plain : this.#notable;
      kept.push(decision);
      if (kept.length > decisionsKept) kept.shift();
      return decision;
    });
  }

  #addSlot(slot: Slot): void {
    const known = this.#slots.get(slot.at);
    if (known === undefined) {
      this.#slots.set(slot.at, { ...slot, times: [...slot.times] });
      const oldest = slot.at - slotsKept * everySeconds;
      for (const at of this.#slots.keys()) if (at <= oldest) this.#slots.delete(at);
      return;
    }
    const { requests, refused, failed } = slot;
    slot.times.forEach((count, i) => {
      known.times[i] = (known.times[i] ?? 0) + count;
    });
    const sums = {
      requests: known.requests + requests,
      refused: known.refused + refused,
      failed: known.failed + failed,
    };
    this.#slots.set(slot.at, { ...known, ...sums });
  }

  #addClient(client: SeenClient): void {
    const key = clientKey(client);
    const before = this.#clients.get(key);
    // Maps keep the order of insertion: the one seen longest ago is the first.
    this.#clients.delete(key);
    this.#clients.set(key, { ...client, requests: client.requests + (before?.requests ?? 0) });
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > clientsKept && oldest !== undefined) this.#clients.delete(oldest);
  }

  /** The newest decisions, the newest last. */
  get decisions(): readonly Decision[] {
    const room = decisionsKept - Math.min(this.#notable.length, notableKept);
    const plain = this.#plain.slice(-room);
    const notable = this.#notable.slice(-(decisionsKept - plain.length));
    return [...plain, ...notable].sort((a, b) => a.id - b.id);
  }

  /** The last hour up to `nowMs`, as far as it was watched. */
  traffic(nowMs: number, startedMs: number): TrafficFacts {
    const last = Math.floor(nowMs / 1000 / everySeconds) * everySeconds;
    const first = Math.max(
      last - (slotsKept - 1) * everySeconds,
      Math.floor(startedMs / 1000 / everySeconds) * everySeconds,
    );
    const count = Math.max(0, (last - first) / everySeconds + 1);
    const slots = Array.from({ length: count }, (_, i) => this.#slots.get(first + i * everySeconds));
    const of = (key: 'requests' | 'refused' | 'failed') => slots.map((slot) => slot?.[key] ?? 0);
    const times = (share: number) => slots.map((slot) => quantile(slot?.times ?? noTimes, share));
    return {
      everySeconds,
      from: first,
      requests: of('requests'),
      refused: of('refused'),
      failed: of('failed'),
      p50: times(0.5),
      p99: times(0.99),
    };
  }

  /** Who has sessions, and who was seen; whoever came last first. */
  clients(open: readonly OpenSessions[], nowMs: number): readonly ClientFacts[] {
    const sessions = new Map<string, OpenSessions>();
    for (const one of open) {
      const key = clientKey(one);
      const before = sessions.get(key)?.sessions ?? 0;
      sessions.set(key, { ...one, sessions: before + one.sessions });
    }
    const seen = [...this.#clients].filter(
      ([key, { lastAt }]) => sessions.has(key) || lastAt > nowMs - hourMs,
    );
    const facts = ({ user, name, version, era }: OpenSessions | SeenClient) => ({
      user,
      name,
      ...(version !== undefined && { version }),
      era,
    });
    const idle = [...sessions].filter(([key]) => !this.#clients.has(key)).slice(0, clientsKept);
    return [
      ...seen.map(([key, one]) => ({
        ...facts(one),
        sessions: sessions.get(key)?.sessions ?? 0,
        requests: one.requests,
        lastAt: new Date(one.lastAt).toISOString(),
      })),
      ...idle.map(([, one]) => ({
        ...facts(one),
        sessions: one.sessions,
        requests: 0,
        lastAt: new Date(nowMs).toISOString(),
      })),
    ].sort((a, b) => (a.lastAt < b.lastAt ? 1 : -1));
  }
}

const hourMs = 3_600_000;
const noTimes: readonly number[] = new Array<number>(timeClasses).fill(0);
const namesKept = 2_000;

const clientKey = ({ tenant, user, name, version, era }: Omit<OpenSessions, 'sessions'>) =>
  JSON.stringify([tenant, user, name, version, era]);

function addTo<Name extends string>(
  all: Map<string, Counts<Name>>,
  name: string,
  counts: Readonly<Counts<Name>>,
): void {
  const before = all.get(name);
  if (before === undefined && all.size >= namesKept) return;
  const sums = Object.entries<number>(counts).map(([key, count]) => [
    key,
    count + (before?.[key as Name] ?? 0),
  ]);
  all.set(name, Object.fromEntries(sums));
}
