import { describe, expect, it } from 'vitest';
import { startFilter } from './filter-run.js';

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64');

describe.each(['sallyport/deny-list', 'plugins.deny_filter.deny.DenyListPlugin'])('%s', (kind) => {
  it('stops a prompt whose arguments have a word, in any case', async () => {
    const call = await startFilter(kind, { words: ['Orion', 'kill switch'] });
    expect(await call('prompt_pre_fetch', { prompt_id: 'p', args: { a: 'about ORION.' } })).toMatchObject({
      continue_processing: false,
    });
    expect(await call('prompt_pre_fetch', { prompt_id: 'p', args: { a: 'kill the switch' } })).toMatchObject({
      continue_processing: true,
    });
  });
});

describe('deny list', () => {
  it('a word within another counts only where that is asked for', async () => {
    const payload = { name: 't', args: { a: 'class' } };
    const whole = await startFilter('sallyport/deny-list', { words: ['ass'] });
    expect(await whole('tool_pre_invoke', payload)).toMatchObject({ continue_processing: true });
    const within = await startFilter('sallyport/deny-list', { words: ['ass'], whole_words: false });
    expect(await within('tool_pre_invoke', payload)).toMatchObject({
      continue_processing: false,
      violation: { code: 'DENIED_WORDS' },
    });
    const theirs = await startFilter('plugins.deny_filter.deny.DenyListPlugin', { words: ['ass'] });
    expect(await theirs('prompt_pre_fetch', { prompt_id: 'p', args: { a: 'class' } })).toMatchObject({
      violation: { code: 'deny' },
    });
  });

  it('words that begin or end within each other are all found', async () => {
    const call = await startFilter('sallyport/deny-list', {
      words: ['he', 'she', 'hers', 'his'],
      whole_words: false,
      action: 'mask',
      mask_with: '#',
    });
    const result = await call('tool_pre_invoke', { name: 't', args: { a: 'ushers, this, the' } });
    expect(result.modified_payload).toMatchObject({ args: { a: 'u#rs, t#, t#' } });
  });
});

describe('file types', () => {
  const kind = 'sallyport/file-types';
  const code = async (config: Record<string, unknown>, hook: string, payload: unknown) =>
    (await (await startFilter(kind, config))(hook, payload)).violation?.code;

  it.each([
    ['file:///x/a.exe', 'FILETYPE_BLOCK'],
    ['https://example.org/a.MD?x=b.exe', undefined],
    ['https://example.org/a.md.exe', 'FILETYPE_BLOCK'],
    ['https://example.org/a.ex%65', 'FILETYPE_BLOCK'],
    ['file:///x/a.exe.', 'FILETYPE_BLOCK'],
    ['file:///x/a.exe%00.md', 'FILETYPE_BLOCK'],
    ['https://example.org', undefined],
    ['https://example.org/README', undefined],
  ])('the extension of %s', async (uri, expected) => {
    expect(await code({ allowed_extensions: ['.md'] }, 'resource_pre_fetch', { uri })).toBe(expected);
  });

  it.each([
    [{ mimeType: 'text/plain; charset=utf-8', text: 'x' }, undefined],
    [{ mime_type: 'TEXT/markdown', text: 'x' }, undefined],
    [{ mimeType: 'image/png', blob: base64('\x89PNG\r\n') }, undefined],
    [{ mimeType: 'application/pdf', blob: base64('%PDF-1') }, 'FILETYPE_BLOCK'],
    [{ mimeType: 'image/png', blob: base64('MZ\x90\0') }, 'FILETYPE_BLOCK'],
    [{ blob: base64('MZ\x90\0') }, 'FILETYPE_BLOCK'],
    [{ contents: [{ mimeType: 'application/pdf' }] }, 'FILETYPE_BLOCK'],
  ])('contents %j', async (content, expected) => {
    const config = { allowed_mime_types: ['text/*', 'image/png'] };
    expect(await code(config, 'resource_post_fetch', { uri: 'u:x', content })).toBe(expected);
    const result = { content: [{ type: 'resource', resource: { uri: 'u:x', ...content } }] };
    expect(await code(config, 'tool_post_invoke', { name: 't', result })).toBe(expected);
  });

  it('images and links of results', async () => {
    const config = { allowed_mime_types: ['image/png'], allowed_extensions: ['png'] };
    const result = (item: unknown) => ({
      name: 't',
      result: { content: [{ type: 'text', text: 'x' }, item] },
    });
    expect(
      await code(config, 'tool_post_invoke', result({ type: 'image', mimeType: 'image/gif', data: '' })),
    ).toBe('FILETYPE_BLOCK');
    expect(
      await code(
        config,
        'tool_post_invoke',
        result({ type: 'resource_link', uri: 'https://x.example/a.zip' }),
      ),
    ).toBe('FILETYPE_BLOCK');
    expect(
      await code(
        config,
        'tool_post_invoke',
        result({ type: 'image', mimeType: 'image/png', data: base64('\x89PNG\r\n') }),
      ),
    ).toBeUndefined();
  });
});

describe('resource filter', () => {
  const kind = 'plugins.resource_filter.resource_filter.ResourceFilterPlugin';

  it.each([
    [{}, 'https://example.org/x', undefined],
    [{}, 'file:///x', undefined],
    [{}, 'no-scheme', 'INVALID_URI'],
    [{}, 'gopher://example.org', 'PROTOCOL_BLOCKED'],
    [{ blocked_domains: ['evil.example'] }, 'https://a.EVIL.example./', 'DOMAIN_BLOCKED'],
    [{ blocked_domains: ['127.0.0.1'] }, 'http://0x7f.1/', 'DOMAIN_BLOCKED'],
    [{ blocked_domains: ['evil.example'] }, 'https://notevil.example/', undefined],
  ])('%j %s', async (config, uri, code) => {
    const { violation } = await (await startFilter(kind, config))('resource_pre_fetch', { uri });
    expect(violation?.code).toBe(code);
  });

  it('bounds contents by their bytes, and replaces parts of them in any case', async () => {
    const call = await startFilter(kind, {
      max_content_size: 20,
      content_filters: [{ pattern: 'password: (\\w)\\w*', replacement: '\\1***' }],
    });
    const read = (content: unknown) => call('resource_post_fetch', { uri: 'u:x', content });
    expect((await read({ text: 'PASSWORD: hunter2' })).modified_payload).toMatchObject({
      content: { text: 'h***' },
    });
    expect((await read({ blob: base64('password: hunter2') })).modified_payload).toMatchObject({
      content: { blob: base64('h***') },
    });
    expect(await read({ text: 'ü'.repeat(11) })).toMatchObject({
      violation: { code: 'CONTENT_TOO_LARGE', details: { size: 22, max_size: 20 } },
    });
    expect(await read({ contents: [{ text: '0123456789' }, { blob: base64('0123456789a') }] })).toMatchObject(
      { continue_processing: false },
    );
    expect(await read({ text: '0123456789' })).toMatchObject({ modified_payload: null });
  });

  it('an expression that is none is refused at the start', async () => {
    await expect(startFilter(kind, { content_filters: [{ pattern: '(' }] })).rejects.toThrow(
      'config.content_filters[0].pattern',
    );
  });
});
