import { randomBytes, timingSafeEqual } from 'node:crypto';
import { ApprovalGone, ApprovalSelf, type SallyError } from '../errors.js';
import type { OnPage, PageDesk } from '../gateway/approvals/desk.js';
import type { Onlooker } from './access.js';
import type { ApprovalsFacts, WaitingApproval } from './facts.js';

/** What waits for an approval, as the page has it, and the answers of whoever looks. */
export class PageApprovals {
  readonly #desk: PageDesk;
  /** Of this start, for all who may look: what another page sends for them has not got it. */
  readonly #token = randomBytes(24).toString('base64url');

  constructor(desk: PageDesk, changed: () => void) {
    this.#desk = desk;
    desk.onChange(changed);
  }

  get facts(): ApprovalsFacts {
    return { token: this.#token, waiting: this.#desk.waiting.map(shown) };
  }

  isToken(text: string): boolean {
    const [given, own] = [Buffer.from(text), Buffer.from(this.#token)];
    return given.length === own.length && timingSafeEqual(given, own);
  }

  answer(id: string, approve: boolean, onlooker: Onlooker): SallyError | undefined {
    const user = onlooker === 'link' ? undefined : onlooker;
    // A link is given to whoever the gateway runs as, or by them: no name is known.
    const who =
      user === undefined ? 'a link to the page' : [user.user, user.tenant].filter(Boolean).join(' of ');
    const taken = this.#desk.answer(id, { approve, who, user });
    if (taken === 'gone') return ApprovalGone({});
    return taken === 'self' ? ApprovalSelf({ who }) : undefined;
  }
}

/** What tells questions apart is nobody's business. */
function shown({ key: _, principal: __, method: ___, ...rest }: OnPage): WaitingApproval {
  return rest;
}
