import { ApprovalDesk, type Desk } from '../gateway/approvals/desk.js';
import { remoteDesk, serveDesk } from '../gateway/approvals/remote.js';
import { hearPrimary, isWorker, tellPrimary, type WorkersListener } from '../workers/index.js';

/** Where the questions to people meet: of this process, or of the workers that it runs. */
export interface DeskHere {
  /** That of the page; undefined in a worker, whose primary has it. */
  readonly own: ApprovalDesk | undefined;
  /** As the gateway of this process has it. */
  readonly desk: Desk;
  /** What hears the workers of this process: questions go to the desk, and all else on to `others`. */
  listener(others: WorkersListener | undefined): WorkersListener;
}

export function openDesk(): DeskHere {
  const own = isWorker() ? undefined : new ApprovalDesk();
  return {
    own,
    desk: own ?? remoteDesk(tellPrimary, hearPrimary),
    listener(others) {
      let tell: (worker: number, value: unknown) => void = () => {};
      const served = own && serveDesk(own, (worker, value) => tell(worker, value));
      return {
        attach(way) {
          tell = way;
        },
        told(worker, value) {
          if (!served?.told(worker, value)) others?.told(worker, value);
        },
        gone(worker) {
          served?.gone(worker);
          others?.gone(worker);
        },
      };
    },
  };
}
