import type { ApprovalDesk, Brought, Desk, Said, Verdict } from './desk.js';

/** From a worker to the desk in the primary, as JSON. */
type ToDesk =
  | { readonly do: 'bring'; readonly brought: Brought }
  | { readonly do: 'show'; readonly id: string }
  | { readonly do: 'settle'; readonly id: string; readonly verdict: Verdict };

/** From the desk in the primary to a worker. */
interface FromDesk {
  readonly id: string;
  readonly said: Said;
}

interface Message<T> {
  readonly approvals: T;
}

const messageOf = <T>(value: unknown): T | undefined =>
  typeof value === 'object' && value !== null && 'approvals' in value
    ? (value as Message<T>).approvals
    : undefined;

/** The desk in the primary, as a worker has it. `hear` gets what the primary tells. */
export function remoteDesk(
  tell: (value: unknown) => void,
  hear: (listener: (value: unknown) => void) => void,
): Desk {
  const open = new Map<string, (said: Said) => void>();
  const send = (message: ToDesk) => tell({ approvals: message } satisfies Message<ToDesk>);
  hear((value) => {
    const message = messageOf<FromDesk>(value);
    if (message === undefined) return;
    const { id, said } = message;
    const listener = open.get(id);
    if (said !== 'ask') open.delete(id);
    listener?.(said);
  });
  return {
    bring(brought, listener) {
      open.set(brought.question.id, listener);
      send({ do: 'bring', brought });
    },
    show: (id) => send({ do: 'show', id }),
    settle(id, verdict) {
      send({ do: 'settle', id, verdict });
      // Nobody here waits for it any more, whatever the desk makes of it: it may be gone.
      if (verdict.outcome !== 'withdrawn' && verdict.outcome !== 'stopped') return;
      const listener = open.get(id);
      open.delete(id);
      listener?.(verdict);
    },
  };
}

/** The primary's part: the desk for its workers. */
export function serveDesk(desk: ApprovalDesk, send: (worker: number, value: unknown) => void) {
  const open = new Map<number, Set<string>>();
  return {
    /** Whether what a worker has told was for the desk. */
    told(worker: number, value: unknown): boolean {
      const message = messageOf<ToDesk>(value);
      if (message === undefined) return false;
      if (message.do === 'show') desk.show(message.id);
      else if (message.do === 'settle') desk.settle(message.id, message.verdict);
      else {
        const { id } = message.brought.question;
        const own = open.get(worker) ?? new Set();
        open.set(worker, own.add(id));
        desk.bring(message.brought, (said) => {
          if (said !== 'ask') own.delete(id);
          send(worker, { approvals: { id, said } } satisfies Message<FromDesk>);
        });
      }
      return true;
    },
    /** Nobody waits there any more. */
    gone(worker: number): void {
      for (const id of [...(open.get(worker) ?? [])]) desk.settle(id, { outcome: 'withdrawn' });
      open.delete(worker);
    },
  };
}
