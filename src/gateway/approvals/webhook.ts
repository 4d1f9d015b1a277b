import { createHmac } from 'node:crypto';
import type { ProxyRules, WebhookSettings } from '../../config/index.js';
import { ApprovalWebhook, FileUnreadable, fileReason, messageOf } from '../../errors.js';
import { isJsonObject, parseJson } from '../../json/index.js';
import type { Logger } from '../../log.js';
import { readFileText } from '../../read-file.js';
import { createFetch, type Fetch } from '../../tls/fetch.js';
import type { CredentialStore, Credentials } from '../../tls/index.js';
import { pause } from '../../wait.js';
import type { Verdict } from './desk.js';
import type { Question } from './question.js';
import { sentence } from './shown.js';

/** A reply is shorter, in bytes. */
const maxReplyBytes = 65_536;
/** How long until a question that is not answered yet is asked again, in seconds: what the approver says, within these. */
const again = { usual: 2, least: 1, most: 30 };
/** How long it may take to tell the approver that a question is over. */
const tellMs = 5_000;

interface WebhookDeps {
  readonly log: Logger;
  readonly proxies: ProxyRules;
  readonly store: CredentialStore;
}

/** An approver elsewhere: it answers in its reply, at once or when it is asked again. */
export class Webhook {
  readonly #settings: WebhookSettings;
  readonly #fetch: Fetch;
  readonly #credentials: Credentials | undefined;

  private constructor(settings: WebhookSettings, fetch: Fetch, credentials: Credentials | undefined) {
    this.#settings = settings;
    this.#fetch = fetch;
    this.#credentials = credentials;
  }

  /** @throws SallyError where its certificates or its secret cannot be used. */
  static async open(settings: WebhookSettings, { log, proxies, store }: WebhookDeps): Promise<Webhook> {
    const credentials = settings.tls && (await store.open(settings.tls, 'client'));
    const fetch = createFetch({
      peer: ({ host }) => `the approver at ${host}`,
      log,
      proxies,
      store,
      maxBytes: maxReplyBytes,
      ...(settings.tls && credentials && { tls: { ...settings.tls, credentials } }),
    });
    const webhook = new Webhook(settings, fetch, credentials);
    await webhook.#secret();
    return webhook;
  }

  /** What the approver answers. @throws SALLY_APPROVAL_WEBHOOK where it gives no answer; other errors where it cannot be reached. */
  async ask(question: Question, allowSelf: boolean, signal: AbortSignal): Promise<Verdict> {
    for (;;) {
      const reply = await this.#post('asked', question, signal);
      const text = await reply.text();
      if (reply.status === 200) return this.#verdict(text, question, allowSelf);
      if (reply.status !== 202) throw this.#unusable(`HTTP ${reply.status}`);
      const asked = Number(reply.headers.get('retry-after') ?? again.usual);
      const seconds = Number.isFinite(asked)
        ? Math.min(Math.max(asked, again.least), again.most)
        : again.usual;
      if (!(await pause(seconds * 1000, signal))) throw signal.reason;
    }
  }

  /** Tells the approver that nobody waits for its answer any more; whether it hears that is of no matter. */
  async withdraw(question: Question): Promise<void> {
    const reply = await this.#post('withdrawn', question, AbortSignal.timeout(tellMs)).catch(() => undefined);
    await reply?.text().catch(() => '');
  }

  close(): void {
    this.#credentials?.close();
    void this.#fetch.close().catch(() => {});
  }

  async #post(event: 'asked' | 'withdrawn', question: Question, signal: AbortSignal): Promise<Response> {
    const { url, headers } = this.#settings;
    const { principal: _, key: __, ...shown } = question;
    const body = JSON.stringify({ event, sentAt: new Date().toISOString(), ...shown });
    const secret = await this.#secret();
    const signature =
      secret === undefined ? undefined : createHmac('sha256', secret).update(body).digest('hex');
    return this.#fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        'Content-Type': 'application/json',
        ...(signature && { 'X-Sallyport-Signature-256': `sha256=${signature}` }),
      },
      body,
      redirect: 'manual',
      signal,
    });
  }

  #verdict(text: string, { id, user }: Question, allowSelf: boolean): Verdict {
    let reply: unknown;
    try {
      reply = parseJson(text, { what: 'the answer' });
    } catch (error) {
      throw this.#unusable(messageOf(error));
    }
    const { id: named, decision, by, reason } = (isJsonObject(reply) ? reply : {}) as Record<string, unknown>;
    if (named !== id) throw this.#unusable('its answer has another id than the question');
    if (decision !== 'approve' && decision !== 'refuse')
      throw this.#unusable('its decision is neither "approve" nor "refuse"');
    const who = typeof by === 'string' && by !== '' ? sentence(by, 200) : 'the approver';
    const said = typeof reason === 'string' && reason !== '' && { reason: sentence(reason) };
    if (decision === 'approve' && !allowSelf && user !== null && by === user)
      return { outcome: 'refused', way: 'webhook', who, reason: 'nobody approves a call of their own' };
    return { outcome: decision === 'approve' ? 'approved' : 'refused', way: 'webhook', who, ...said };
  }

  #unusable(problem: string) {
    return ApprovalWebhook({ host: this.#settings.url.host, problem });
  }

  /** What replaces the file is in force with the next question. */
  async #secret(): Promise<string | undefined> {
    const { secret, secretFile: path } = this.#settings;
    if (path === undefined) return secret;
    const text = await readFileText(path).catch((error: unknown) => {
      throw FileUnreadable({ what: 'the secret of the webhook', path, reason: fileReason(error) }, error);
    });
    if (text.trim() === '')
      throw FileUnreadable({ what: 'the secret of the webhook', path, reason: 'it is empty' });
    return text.trim();
  }
}
