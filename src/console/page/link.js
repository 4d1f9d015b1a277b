/** @import { ConsoleState, Decision } from '../facts.js' */

/**
 * How the page hangs on the gateway: `first` until it has answered once; `away` where it does not, tried again at `next`;
 * `over` where it wants another link.
 * @typedef {{ kind: 'first' } | { kind: 'live', back?: { awayMs: number, restarted: boolean } } |
 *   { kind: 'away', since: number, next: number } | { kind: 'over' }} Link
 */

/**
 * @typedef {object} Listener
 * @property {(link: Link) => void} onLink
 * @property {(facts: ConsoleState) => void} onFacts the whole
 * @property {(facts: Omit<ConsoleState, 'decisions' | 'configuration'>) => void} onChange what is new of it
 * @property {(decisions: readonly Decision[]) => void} onDecisions
 */

/** Nothing heard for so long: asked whether the gateway is still there, as a connection can end without a word. */
const quietMs = 15_000;
const replyMs = 5000;
const overMs = 5000;
const waits = [500, 1000, 2000, 3000, 5000];

/**
 * Keeps the page at the gateway: the whole state once, then what it sends; again from the start where that ends.
 * @param {Listener} listener
 * @returns {{ ask: () => void }} asks anew, at once
 */
export function openLink({ onLink, onFacts, onChange, onDecisions }) {
  /** @type {Link} */
  let link = { kind: 'first' };
  /** @type {EventSource | undefined} */
  let events;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  let failures = 0;
  let startedAt = '';

  const become = (/** @type {Link} */ next) => {
    link = next;
    onLink(next);
  };
  const after = (/** @type {number} */ ms, /** @type {() => void} */ work) => {
    clearTimeout(timer);
    timer = setTimeout(work, ms);
  };
  const heard = () => after(quietMs, ask);

  function closed() {
    events?.close();
    events = undefined;
  }

  function lost() {
    closed();
    const wait = waits[Math.min(failures, waits.length - 1)] ?? 0;
    failures += 1;
    become({ kind: 'away', since: link.kind === 'away' ? link.since : Date.now(), next: Date.now() + wait });
    after(wait, ask);
  }

  /** Asks for the whole state, and listens from then on. */
  async function ask() {
    clearTimeout(timer);
    try {
      const reply = await fetch('state', { cache: 'no-store', signal: AbortSignal.timeout(replyMs) });
      if (reply.status === 401 || reply.status === 403) {
        closed();
        become({ kind: 'over' });
        // A new link that is opened in this browser serves this page too.
        return after(overMs, ask);
      }
      if (!reply.ok) return lost();
      const facts = /** @type {ConsoleState} */ (await reply.json());
      arrived(facts);
    } catch {
      return lost();
    }
    heard();
    if (events === undefined) listen();
  }

  function arrived(/** @type {ConsoleState} */ facts) {
    failures = 0;
    onFacts(facts);
    const restarted = startedAt !== '' && startedAt !== facts.startedAt;
    if (link.kind === 'away') become({ kind: 'live', back: { awayMs: Date.now() - link.since, restarted } });
    else if (link.kind !== 'live') become({ kind: 'live' });
    startedAt = facts.startedAt;
  }

  function listen() {
    const source = new EventSource('events');
    events = source;
    const on = (/** @type {string} */ name, /** @type {(data: any) => void} */ take) =>
      source.addEventListener(name, (event) => {
        heard();
        take(JSON.parse(event.data));
      });
    on('state', onChange);
    on('decision', onDecisions);
    // It would try again by itself; but it does not say whether the gateway is gone or the link is over.
    source.addEventListener('error', () => {
      if (events !== source) return;
      closed();
      after(0, ask);
    });
  }

  void ask();
  return { ask };
}
