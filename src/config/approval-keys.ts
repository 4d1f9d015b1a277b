import { askWays } from '../hooks/index.js';
import { type Keys, key, optional, required } from './schema.js';
import { upstreamTlsKeys } from './tls-keys.js';

const count = { kind: 'integer', min: 1 } as const;

export const webhookKeys = {
  url: required(
    { kind: 'text', filled: true },
    'where the approver is asked, by POST; https: but on this machine',
  ),
  headers: key(
    { kind: 'named', of: { kind: 'secret', written: true } },
    'sent with every question, such as a token of the approver',
    { ifNull: 'absent', default: {} },
  ),
  secret: optional(
    { kind: 'secret' },
    "what questions are signed with (HMAC-SHA-256, X-Sallyport-Signature-256), from a variable: '{{ env.NAME }}'",
  ),
  secret_file: optional({ kind: 'path' }, 'in place of secret: a file that holds it, read for each question'),
  tls: optional(
    { kind: 'map', keys: upstreamTlsKeys },
    'TLS towards the approver; absent: the roots of the system verify it',
  ),
} as const satisfies Keys;

/** The `approvals` block of a gateway. */
export const approvalKeys = {
  by: key(
    { kind: 'texts', of: { kind: 'choice', values: askWays }, filled: true },
    'who is asked where the rule or plugin does not say: elicitation, the user of the client that calls; page, whoever may look at gateway.console; webhook, an approver elsewhere. The first that can be asked is',
    { default: ['elicitation'] },
  ),
  together: key({ kind: 'boolean' }, 'whether all of them are asked at once, and the first answer counts', {
    default: false,
  }),
  timeout: key({ kind: 'seconds', max: 3600 }, 'seconds that a call waits for an answer; none is a refusal', {
    default: 120,
  }),
  remember: key(
    { kind: 'integer', min: 0, max: 86_400 },
    'seconds for which an answer counts for the same call of the same user (tool, arguments, who asks and why), so that it is not asked again; 0: each call is asked',
    { default: 60 },
  ),
  max_waiting: key(count, 'calls that wait for an answer at a time; more are refused', { default: 100 }),
  max_waiting_per_user: key(count, 'the same of one user', { default: 10 }),
  allow_self: key(
    { kind: 'boolean' },
    'whether users may answer on the page, or by the webhook, for calls of their own',
    { default: false },
  ),
  webhook: optional({ kind: 'map', keys: webhookKeys, short: 'url' }, 'the approver that by: webhook asks'),
} as const satisfies Keys;
