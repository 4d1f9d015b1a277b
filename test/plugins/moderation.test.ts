import { writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { startFilter } from './filter-run.js';

const kind = 'sallyport/moderation';

interface Asked {
  readonly path: string;
  readonly key: string | undefined;
  readonly body: Record<string, unknown>;
}

/** A service that answers as told; undefined: not at all. */
async function service(answer: (asked: Asked) => unknown) {
  const asked: Asked[] = [];
  const read = async (request: IncomingMessage) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      const one = { path: request.url ?? '', key: request.headers.authorization, body };
      asked.push(one);
      const reply = answer(one);
      if (reply === undefined) return;
      if (typeof reply === 'number') response.writeHead(reply).end('{}');
      else response.end(JSON.stringify(reply));
    });
  });
  server.on('error', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` };
}

/** Says that what has the word bad in it is bad. */
const moderations = ({ body }: Asked) => ({
  results: (body['input'] as string[]).map((text) => ({
    flagged: text.includes('bad'),
    categories: { hate: text.includes('bad') },
    category_scores: { hate: text.includes('bad') ? 0.9 : 0.01, violence: text.includes('odd') ? 0.6 : 0 },
  })),
});
const payload = (...texts: string[]) => ({
  name: 't',
  result: { content: texts.map((text) => ({ type: 'text', text })) },
});
const generous = { timeout_ms: 60_000 };

describe('a moderation API', () => {
  it('is asked once for all texts of a payload, with the key', async () => {
    const { url, asked } = await service(moderations);
    const call = await startFilter(kind, { ...generous, service: { url, api_key: 'the key', model: 'm' } });
    expect(await call('tool_post_invoke', payload('good', 'fine'))).toMatchObject({
      continue_processing: true,
      modified_payload: null,
    });
    expect(asked).toEqual([
      { path: '/v1/moderations', key: 'Bearer the key', body: { input: ['good', 'fine'], model: 'm' } },
    ]);
    const blocked = await call('tool_post_invoke', payload('good', 'a bad text'));
    expect(blocked).toMatchObject({
      continue_processing: false,
      violation: {
        code: 'CONTENT_MODERATION',
        details: { findings: [{ kind: 'hate', place: '/result/content/1/text' }] },
      },
    });
    expect(JSON.stringify(blocked)).not.toContain('a bad text');
    // What it has said of a text serves again.
    expect(asked[1]?.body['input']).toEqual(['a bad text']);
  });

  it('thresholds and actions go by the category', async () => {
    const { url } = await service(moderations);
    const call = await startFilter(kind, {
      ...generous,
      service: { url },
      thresholds: { violence: 0.7 },
      actions: { hate: 'mask' },
    });
    expect(await call('tool_post_invoke', payload('odd'))).toMatchObject({
      continue_processing: true,
      modified_payload: null,
    });
    expect((await call('tool_post_invoke', payload('bad', 'good'))).modified_payload).toEqual(
      payload('[CONTENT REMOVED BY MODERATION]', 'good'),
    );
    const report = await startFilter(kind, { ...generous, service: { url }, action: 'report' });
    expect(await report('tool_post_invoke', payload('odd'))).toMatchObject({
      modified_payload: null,
      metadata: { moderation: { kinds: { violence: 1 } } },
    });
  });

  it('long texts are asked about in parts', async () => {
    const { url, asked } = await service(moderations);
    const call = await startFilter(kind, { ...generous, service: { url }, max_length: 100 });
    const text = `${'x'.repeat(98)}bad${'y'.repeat(100)}`;
    expect(await call('tool_post_invoke', payload(text))).toMatchObject({ continue_processing: false });
    expect(asked[0]?.body['input']).toHaveLength(3);
  });
});

describe('a model that guards', () => {
  const chat =
    (content: (text: string) => string) =>
    ({ body }: Asked) => {
      const messages = body['messages'] as { content: string }[];
      return { choices: [{ message: { content: content(messages.at(-1)?.content ?? '') } }] };
    };

  it('answers safe, or unsafe with categories', async () => {
    const { url, asked } = await service(chat((text) => (text === 'bad' ? '\nunsafe\nS1,S10' : 'safe')));
    const call = await startFilter(kind, {
      ...generous,
      service: { api: 'chat', url, model: 'guard', prompt: 'judge' },
    });
    expect(await call('tool_pre_invoke', { name: 't', args: { a: 'good' } })).toMatchObject({
      continue_processing: true,
    });
    expect(await call('tool_pre_invoke', { name: 't', args: { a: 'bad' } })).toMatchObject({
      violation: { details: { kinds: { S1: 1, S10: 1 } } },
    });
    expect(asked[0]).toMatchObject({
      path: '/v1/chat/completions',
      body: { model: 'guard', messages: [{ role: 'system', content: 'judge' }, { content: 'good' }] },
    });
  });

  it('an answer that is neither is none', async () => {
    const { url } = await service(chat(() => 'I think that it is fine'));
    const call = await startFilter(kind, { ...generous, service: { api: 'chat', url, model: 'guard' } });
    expect(await call('tool_pre_invoke', { name: 't', args: { a: 'good' } })).toMatchObject({
      violation: { code: 'MODERATION_UNAVAILABLE' },
    });
  });

  it('Granite Guardian at Ollama, by the keys of ContextForge', async () => {
    const { url, asked } = await service(({ body }) => ({
      response: String(body['prompt']).includes('bad') ? 'Yes' : 'No',
    }));
    const call = await startFilter('plugins.content_moderation.content_moderation.ContentModerationPlugin', {
      provider: 'ibm_granite',
      ibm_granite: { ollama_url: url.replace('/v1', '') },
    });
    expect(await call('tool_pre_invoke', { name: 't', args: { a: 'good' } })).toMatchObject({
      continue_processing: true,
    });
    expect(await call('tool_pre_invoke', { name: 't', args: { a: 'bad' } })).toMatchObject({
      violation: { code: 'CONTENT_MODERATION' },
    });
    expect(asked[0]).toMatchObject({
      path: '/api/generate',
      body: { model: 'granite3-guardian', stream: false },
    });
  });
});

describe('without an answer', () => {
  it.each<[string, unknown]>([
    ['none in time', undefined],
    ['an error', 500],
    ['what has no results', {}],
    ['too few results', { results: [] }],
  ])('%s: block, or allow where that is set', async (_title, reply) => {
    const { url } = await service(() => reply);
    const timeout_ms = reply === undefined ? 50 : 60_000;
    const block = await startFilter(kind, { service: { url }, timeout_ms });
    expect(await block('tool_post_invoke', payload('good'))).toMatchObject({
      continue_processing: false,
      violation: { code: 'MODERATION_UNAVAILABLE' },
    });
    const allow = await startFilter(kind, { service: { url }, timeout_ms, without: 'allow' });
    expect(await allow('tool_post_invoke', payload('good'))).toMatchObject({
      continue_processing: true,
      metadata: { moderation: { unanswered: expect.any(String) } },
    });
  });

  it('more texts than it is asked about are treated alike', async () => {
    const { url } = await service(moderations);
    const call = await startFilter(kind, { service: { url }, max_texts: 1 });
    expect(await call('tool_post_invoke', payload('good', 'fine'))).toMatchObject({
      continue_processing: false,
    });
  });
});

it('the key may be in a file, which is read anew', async () => {
  const file = join(await temporaryFolder(), 'key');
  const { url, asked } = await service(moderations);
  writeFileSync(file, 'one\n');
  const call = await startFilter(kind, { ...generous, service: { url, api_key_file: file } });
  await call('tool_post_invoke', payload('first'));
  writeFileSync(file, 'two');
  await call('tool_post_invoke', payload('second'));
  expect(asked.map(({ key }) => key)).toEqual(['Bearer one', 'Bearer two']);
});

it.each([
  [{ service: { url: 'http://example.org/v1', api_key: 'k' } }, 'a key goes over https only'],
  [{ service: { url: 'ftp://example.org' } }, 'config.service.url'],
  [{ service: { url: 'https://example.org', api: 'chat' } }, 'chat needs a model'],
  [{ service: { url: 'https://example.org', apikey: 'x' } }, 'did you mean api_key?'],
])('settings %j are refused', async (config, problem) => {
  await expect(startFilter(kind, config)).rejects.toThrow(problem);
});

it('a provider of ContextForge that is not here says what to do', async () => {
  await expect(
    startFilter('plugins.content_moderation.content_moderation.ContentModerationPlugin'),
  ).rejects.toThrow('openai and ibm_granite');
});
