import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { htmlToText } from '../../src/plugins/html/markdown.js';
import { startFilter } from './run.js';

/** What becomes of HTML in the contents of a resource. */
async function safe(html: string, config: Record<string, unknown> = {}): Promise<string> {
  const filter = await startFilter(
    'plugins.safe_html_sanitizer.safe_html_sanitizer.SafeHTMLSanitizerPlugin',
    config,
  );
  const content = { uri: 'u', mimeType: 'text/html', text: html };
  const { modified_payload } = await filter.call('resource_post_fetch', { uri: 'u', content });
  return (modified_payload as { content: { text: string } } | null)?.content.text ?? html;
}

describe('safe HTML', () => {
  it.each<[string, string, Record<string, unknown>]>([
    ['<p>a</p>', '<p>a</p>', {}],
    ['<P CLASS=x>a', '<p class="x">a</p>', {}],
    ['<script>x</script>a', 'a', {}],
    ['<scr<script>ipt>x</script>a', 'ipt&gt;xa', {}],
    ['<svg><a href="javascript:x">b</a></svg>a', 'a', {}],
    ['<math><mtext><img src=x onerror=y></math>a', 'a', {}],
    ['<style>a{}</style><link rel=x><meta name=y>b', 'b', {}],
    ['<noscript><p title="</noscript><img src=x onerror=alert(1)>">', '<img src="x">&quot;&gt;', {}],
    ['<textarea><img src=x></textarea>a', 'a', {}],
    ['<unknown>a</unknown>', 'a', {}],
    ['<img src=x onerror=y>', '<img src="x">', {}],
    ['<a href="javascript:x">b</a>', '<a>b</a>', {}],
    ['<a href=" JaVa&#9;Script:x">b</a>', '<a>b</a>', {}],
    ['<a href="vbscript:x">b</a><a href="data:text/html,x">c</a>', '<a>b</a><a>c</a>', {}],
    ['<a href="https://e.org/?a=1&b=2">b</a>', '<a href="https://e.org/?a=1&amp;b=2">b</a>', {}],
    ['<a href=/x target=evil>b</a>', '<a href="/x" target="_blank" rel="noopener noreferrer">b</a>', {}],
    ['<a href=/x target=_self rel=nofollow>b</a>', '<a href="/x" target="_self" rel="nofollow">b</a>', {}],
    ['<img src="data:image/png;base64,AA">', '<img>', {}],
    [
      '<img src="data:image/png;base64,AA">',
      '<img src="data:image/png;base64,AA">',
      { allow_data_images: true },
    ],
    ['<img src="data:image/svg+xml,x">', '<img>', { allow_data_images: true }],
    ['<p style="x">a</p>', '<p>a</p>', {}],
    ['<p>a<!-- b -->c', '<p>ac</p>', {}],
    ['<p>a<!-- b -->c', '<p>a<!-- b -->c</p>', { remove_comments: false }],
    ['<p>a<!-- b--!><script>x</script>', '<p>a<!-- b--></p>', { remove_comments: false }],
    ['<p>a\u200bb\u202ec</p>', '<p>abc</p>', {}],
    ['<p>a &lt;script&gt; &amp; "b"</p>', '<p>a &lt;script&gt; &amp; &quot;b&quot;</p>', {}],
    ['<b><p>a</b></p>', '<p>a</p>', {}],
    ['<p><span>a</p>b</span>', '<p><span>a</span></p>b', {}],
    ['<h1>A</h1><p>b<br>c</p>', 'A\n\nb\nc', { to_text: true }],
    ['1 < 2 & 3', '1 < 2 & 3', {}],
    ['<script>x</script><p>a</p>', '<p>a</p>', { allowed_tags: ['script', 'p'] }],
  ])('%j becomes %j', async (html, expected, config) => {
    expect(await safe(html, config)).toBe(expected);
  });

  const pieces = [
    '<',
    '>',
    '</',
    '<p',
    '<a href=',
    '<script>',
    '</script>',
    '<!--',
    '-->',
    '"',
    "'",
    '=',
    ' ',
    '&#106;',
    'javascript:',
    'onx=',
    '<svg>',
    '<style>',
    '<title>',
    'a',
    '/',
  ];

  it('has no more than what is allowed, whatever comes, and stays as it is', async () => {
    const filter = await startFilter('sallyport/safe-html');
    const clean = async (text: string) => {
      const result = { content: [{ type: 'text', text }] };
      const { modified_payload } = await filter.call('tool_post_invoke', { name: 't', result });
      return ((modified_payload ?? { result }) as { result: typeof result }).result.content[0]?.text ?? '';
    };
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...pieces), { maxLength: 14 }), async (parts) => {
        const made = await clean(`<p>${parts.join('')}`);
        expect(made).not.toMatch(/<(?!\/?(a|p)[ >])/);
        expect(made).not.toMatch(/<[^>]*(\son|href="javascript:)/i);
        expect(await clean(made)).toBe(made);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['<p>', '<b id=1><p>', '<a href="', '<!--', '<script>', '</p>', '&amp;', '<svg>'])(
    'of a long text of %j is had in linear time',
    async (unit) => {
      const text = unit.repeat(200_000 / unit.length);
      await safe(text);
      htmlToText(text, { markdown: true, links: true, images: true });
    },
    120_000,
  );
});

describe('Markdown', () => {
  const markdown = (html: string) => htmlToText(html, { markdown: true, links: true, images: true });

  it.each<[string, string]>([
    ['<h2>A</h2><p>b</p><p>c</p>', '## A\n\nb\n\nc'],
    ['a<br>b', 'a\nb'],
    ['<p>a  \n <b>b</b> <i>c</i></p>', 'a **b** *c*'],
    ['<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>', '- a\n  - b\n- c'],
    ['<ol><li>a</li><li>b</li></ol>', '1. a\n2. b'],
    ['<pre><code>a  b\n c</code></pre>', '```\na  b\n c\n```'],
    ['use <code>x</code>', 'use `x`'],
    ['<a href="https://e.org/a b">x <b>y</b></a>', '[x **y**](https://e.org/a%20b)'],
    ['<a href="javascript:x">y</a>', 'y'],
    ['<img alt="a b" src="/c.png">', '![a b](/c.png)'],
    ['<img alt="a" src="data:image/png;base64,AA">', 'a'],
    ['<blockquote>a<br>b</blockquote>', '> a\n> b'],
    [
      '<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>',
      '| A | B |\n| --- | --- |\n| 1 | 2 |',
    ],
    ['<head><title>t</title><style>x</style></head><body>a &amp; &euro;</body>', 'a & €'],
    ['a<hr>b', 'a\n\n---\n\nb'],
    ['', ''],
  ])('of %j', (html, expected) => {
    expect(markdown(html)).toBe(expected);
  });

  it('is what resources and results become where they are HTML, and nothing else', async () => {
    const filter = await startFilter('plugins.html_to_markdown.html_to_markdown.HTMLToMarkdownPlugin');
    const resource = async (mimeType: string | undefined, text: string) => {
      const content = { uri: 'u', ...(mimeType && { mimeType }), text };
      return (await filter.call('resource_post_fetch', { uri: 'u', content })).modified_payload;
    };
    expect(await resource('text/html; charset=utf-8', '<b>a</b>')).toMatchObject({
      content: { mimeType: 'text/markdown', text: '**a**' },
    });
    expect(await resource('text/x-python', '<p>a</p>')).toBeNull();
    expect(await resource(undefined, 'if a < b and b > c')).toBeNull();
    expect(await resource(undefined, '<p>a</p>')).toMatchObject({ content: { text: 'a' } });
    const result = {
      content: [
        { type: 'text', text: '<h1>a</h1>' },
        { type: 'text', text: 'plain' },
      ],
      isError: false,
    };
    const { modified_payload } = await filter.call('tool_post_invoke', { name: 't', result });
    expect(modified_payload).toMatchObject({
      result: { content: [{ text: '# a' }, { text: 'plain' }], isError: false },
    });
  });
});
