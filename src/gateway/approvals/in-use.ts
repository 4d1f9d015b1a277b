import type { GatewaySettings } from '../../config/index.js';
import type { Logger } from '../../log.js';
import type { CredentialStore } from '../../tls/index.js';
import type { Approvals, Desk } from './index.js';

/** Who asks people, now; the rest of this room is loaded where somebody is asked. */
export interface HeldApprovals {
  readonly current: Approvals | undefined;
  /** Opens what another configuration wants; what it returns puts that in place. What waits goes on as it began. */
  prepare(settings: Wanted): Promise<() => void>;
  /** Ends all that waits: the gateway is about to stop. */
  stop(): void;
  close(): void;
}

type Wanted = Pick<GatewaySettings, 'approvals' | 'proxies'>;

interface HoldDeps {
  readonly desk: Desk | undefined;
  readonly log: Logger;
  readonly store: CredentialStore;
}

/** @throws SallyError where the webhook's certificates or secret cannot be used. */
export async function holdApprovals(settings: Wanted, deps: HoldDeps): Promise<HeldApprovals> {
  let desk = deps.desk;
  /** Those from before a reload with which something waits. */
  let before: Approvals[] = [];
  const open = async ({ approvals, proxies }: Wanted): Promise<Approvals | undefined> => {
    if (approvals === undefined) return undefined;
    const { ApprovalDesk, openApprovals } = await import('./index.js');
    desk ??= new ApprovalDesk();
    return openApprovals(approvals, { ...deps, desk, proxies });
  };
  const held = {
    current: await open(settings),
    async prepare(next: Wanted) {
      const opened = await open(next);
      return () => {
        before = before.filter(({ idle }) => !idle);
        if (held.current) before.push(held.current);
        held.current?.retire();
        held.current = opened;
      };
    },
    stop() {
      for (const one of [held.current, ...before]) one?.stop();
    },
    close() {
      held.current?.retire();
    },
  };
  return held;
}
