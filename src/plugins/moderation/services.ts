import { readFileSync } from 'node:fs';
import type { Dispatcher, Agent as HttpAgent } from 'undici';
import { ModerationReply } from '../../errors.js';
import { isJsonObject, parseJson } from '../../json/index.js';

/** What a service says of a text: how much it is of each kind, from 0 to 1. */
export type Verdict = Readonly<Record<string, number>>;

export interface ServiceSettings {
  readonly api: 'moderations' | 'chat' | 'ollama';
  readonly url: string;
  readonly model?: string | undefined;
  readonly api_key?: string | undefined;
  readonly api_key_file?: string | undefined;
  readonly ca_file?: string | undefined;
  readonly prompt?: string | undefined;
}

/** Asks a service what it says of texts, one verdict a text, in order. Rejects where it does not say. */
export type Classify = (texts: readonly string[], signal: AbortSignal) => Promise<readonly Verdict[]>;

/** The largest reply that is read. */
const largestReply = 1_048_576;
/** So many requests at a time, of services that take one text a request. */
const atOnce = 4;

/** Opens the way to a service: nothing is asked yet. */
export async function openService(
  settings: ServiceSettings,
): Promise<{ classify: Classify; close(): Promise<void> }> {
  const { Agent, request } = await import('undici');
  const ca = settings.ca_file && readFileSync(settings.ca_file, 'utf8');
  const agent: HttpAgent = new Agent({ connections: 16, ...(ca && { connect: { ca } }) });
  const base = settings.url.replace(/\/+$/, '');
  const ask = async (path: string, body: unknown, signal: AbortSignal): Promise<unknown> => {
    // Read each time: the file is what is exchanged when a key is.
    const key = settings.api_key_file ? readFileSync(settings.api_key_file, 'utf8').trim() : settings.api_key;
    const reply = await request(base + path, {
      method: 'POST',
      dispatcher: agent,
      signal,
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
      body: JSON.stringify(body),
    });
    const text = await textOf(reply);
    if (reply.statusCode !== 200) throw ModerationReply({ reason: `status ${reply.statusCode}` });
    return parseJson(text);
  };
  const { model } = settings;
  const one: Record<'chat' | 'ollama', (text: string, signal: AbortSignal) => Promise<Verdict>> = {
    async chat(text, signal) {
      const system = settings.prompt === undefined ? [] : [{ role: 'system', content: settings.prompt }];
      const messages = [...system, { role: 'user', content: text }];
      const reply = await ask(
        '/chat/completions',
        { model, messages, temperature: 0, max_tokens: 64 },
        signal,
      );
      const [choice] = listOf(reply, 'choices');
      const message = isJsonObject(choice) ? choice['message'] : undefined;
      return verdictOf(isJsonObject(message) ? message['content'] : undefined);
    },
    async ollama(text, signal) {
      const prompt = settings.prompt === undefined ? text : `${settings.prompt}\n\n${text}`;
      const reply = await ask(
        '/api/generate',
        { model, prompt, stream: false, options: { temperature: 0 } },
        signal,
      );
      return verdictOf(isJsonObject(reply) ? reply['response'] : undefined);
    },
  };
  const classify: Classify = async (texts, signal) => {
    if (settings.api === 'moderations') {
      const results = listOf(
        await ask('/moderations', { input: texts, ...(model && { model }) }, signal),
        'results',
      );
      if (results.length !== texts.length)
        throw ModerationReply({ reason: 'another number of results than of texts' });
      return results.map(scoresOf);
    }
    const verdicts: Verdict[] = [];
    for (let at = 0; at < texts.length; at += atOnce)
      verdicts.push(
        ...(await Promise.all(
          texts.slice(at, at + atOnce).map((text) => one[settings.api as 'chat'](text, signal)),
        )),
      );
    return verdicts;
  };
  return { classify, close: () => agent.destroy() };
}

async function textOf({ body }: Dispatcher.ResponseData): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestReply) throw ModerationReply({ reason: `a reply of more than ${largestReply} bytes` });
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function listOf(reply: unknown, name: string): readonly unknown[] {
  const list = isJsonObject(reply) ? reply[name] : undefined;
  if (!Array.isArray(list)) throw ModerationReply({ reason: `a reply without ${name}` });
  return list;
}

/** Of the moderation API: the scores of its categories, and `flagged` where it says so. */
function scoresOf(result: unknown): Verdict {
  if (!isJsonObject(result)) throw ModerationReply({ reason: 'a result that is no object' });
  const scores = isJsonObject(result['category_scores']) ? result['category_scores'] : {};
  const flags = isJsonObject(result['categories']) ? result['categories'] : {};
  const verdict: Record<string, number> = {};
  for (const [name, flagged] of Object.entries(flags)) if (flagged === true) verdict[name] = 1;
  for (const [name, score] of Object.entries(scores))
    if (typeof score === 'number') verdict[name] = Math.max(score, verdict[name] ?? 0);
  if (result['flagged'] === true && !Object.values(verdict).some((score) => score >= 0.5))
    verdict['flagged'] = 1;
  return verdict;
}

/** Of a model that guards: `safe`, or `unsafe` with its categories in the next line; `yes` and `no` of Granite Guardian. */
function verdictOf(reply: unknown): Verdict {
  const text = typeof reply === 'string' ? reply.replace(/<think>[\s\S]*?<\/think>/, '').trim() : '';
  if (/^(?:safe|no|benign)\b/i.test(text)) return {};
  const [, categories] =
    /^(?:unsafe|yes|injection|jailbreak)\b[^\n]*(?:\n\s*([A-Za-z0-9_, -]{1,200}))?/i.exec(text) ?? [
      undefined,
      null,
    ];
  if (categories === null) throw ModerationReply({ reason: 'a reply that is neither safe nor unsafe' });
  const names = (categories ?? '').split(/[,\s]+/).filter((name) => name !== '');
  return Object.fromEntries((names.length > 0 ? names : ['unsafe']).map((name) => [name, 1]));
}
