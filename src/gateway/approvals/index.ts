/**
 * Where a call waits for a person: what is shown of it (`question.ts`, `shown.ts`), who is asked in which way (`approvals.ts`), and
 * the desk where the questions of all processes meet (`desk.ts`). Begin with `approvals.ts`.
 */
import type { ApprovalSettings, ProxyRules } from '../../config/index.js';
import type { Logger } from '../../log.js';
import type { CredentialStore } from '../../tls/index.js';
import { Approvals } from './approvals.js';
import type { Desk } from './desk.js';
import { Webhook } from './webhook.js';

export { Approvals } from './approvals.js';
export { ApprovalDesk, type Desk, type Verdict } from './desk.js';
export type { Subject, Wanted } from './question.js';

interface OpenDeps {
  readonly desk: Desk;
  readonly log: Logger;
  readonly proxies: ProxyRules;
  readonly store: CredentialStore;
}

/** @throws SallyError where the webhook's certificates or secret cannot be used. */
export async function openApprovals(
  settings: ApprovalSettings,
  { desk, log, proxies, store }: OpenDeps,
): Promise<Approvals> {
  const webhook = settings.webhook && (await Webhook.open(settings.webhook, { log, proxies, store }));
  return new Approvals(settings, { desk, log, webhook });
}
