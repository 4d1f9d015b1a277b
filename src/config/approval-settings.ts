import { ConfigApprovals } from '../errors.js';
import type { AskWay } from '../hooks/index.js';
import { approvalKeys, webhookKeys } from './approval-keys.js';
import { given, isLoopback, type Reading, readUrl } from './reading.js';
import { type Field, type Fields, type SettingsOf, settingsOf } from './schema.js';
import { type ClientTlsSettings, upstreamTls } from './tls-settings.js';

/** Who is asked whether a call may go on, and for how long it waits. */
export interface ApprovalSettings extends Omit<SettingsOf<typeof approvalKeys>, 'by'> {
  readonly by: readonly AskWay[];
  /** Whether there is a page that shows what waits. */
  readonly page: boolean;
  readonly webhook?: WebhookSettings;
}

/** An approver elsewhere. */
export interface WebhookSettings extends Omit<SettingsOf<typeof webhookKeys>, 'url'> {
  readonly url: URL;
  readonly tls?: ClientTlsSettings;
}

/** `gateway.approvals`; undefined, with problems, where it is not whole. */
export function approvalSettings(
  { value: fields, place }: Field<Fields<typeof approvalKeys>>,
  page: boolean,
  reading: Reading,
): ApprovalSettings | undefined {
  if (fields === undefined) return undefined;
  const { problems, paths } = reading;
  const refuse = (field: Field<unknown> | undefined, problem: string, instead: string) =>
    problems.add(ConfigApprovals({ at: field?.place ?? place, problem, instead }));
  const settings = settingsOf(approvalKeys, fields, paths);
  const by = [...new Set(settings.by as readonly AskWay[])];
  if (by.includes('page') && !page)
    refuse(
      fields.by,
      'the page is to be asked, and there is none',
      "add 'console: 4450' to the gateway block, or leave page out of by",
    );
  if (by.includes('webhook') && fields.webhook === undefined)
    refuse(
      fields.by,
      'a webhook is to be asked, and none is named',
      "add 'webhook: {url: https://…}' to approvals, or leave webhook out of by",
    );
  const webhook = fields.webhook && webhookSettings(fields.webhook, reading, refuse);
  return { ...settings, by, page, ...given('webhook', webhook) };
}

function webhookSettings(
  { value: fields, place }: Field<Fields<typeof webhookKeys>>,
  { problems, paths }: Reading,
  refuse: (field: Field<unknown> | undefined, problem: string, instead: string) => void,
): WebhookSettings | undefined {
  if (fields?.url === undefined) return undefined;
  const key = 'gateway.approvals.webhook.url';
  const url = readUrl(fields.url, key, problems, { path: 'any' });
  const { secret, secret_file: file, tls: block } = fields;
  if (url?.protocol === 'http:' && !isLoopback(url.hostname))
    refuse(
      fields.url,
      'questions and answers of the webhook would go unencrypted, and anybody on the way could approve',
      'begin the URL of webhook with https:',
    );
  // Files of configurations are shown, copied and kept in version control.
  if (secret?.value && !secret.rendered)
    refuse(
      secret,
      'the secret of the webhook stands in the file',
      "write secret: '{{ env.NAME }}' and set NAME, or name a file in secret_file",
    );
  if (secret && file) refuse(file, 'webhook has secret and secret_file', 'keep one of the two');
  if (block && url?.protocol === 'http:')
    refuse(
      block,
      'webhook has tls, and its URL begins with http:',
      'begin the URL with https:, or remove tls',
    );
  const tls =
    block?.value &&
    upstreamTls(block.value, block.place ?? place, 'the webhook of gateway.approvals', { problems, paths });
  const { url: _, ...settings } = settingsOf(webhookKeys, fields, paths);
  return url && { ...settings, url, ...given('tls', tls) };
}
