import { z } from 'zod';
import { modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { htmlToText } from './html/markdown.js';
import { hasTags } from './html/read.js';
import { sanitizeHtml } from './html/sanitize.js';
import { mapTexts, textFilter } from './text/index.js';

const tags =
  'a p div span strong em code pre ul ol li h1 h2 h3 h4 h5 h6 blockquote img br hr table thead tbody tr th td'.split(
    ' ',
  );
const attributes = {
  '*': ['id', 'class', 'title', 'alt'],
  a: ['href', 'rel', 'target'],
  img: ['src', 'width', 'height', 'alt', 'title'],
  table: ['border', 'cellpadding', 'cellspacing', 'summary'],
  th: ['colspan', 'rowspan'],
  td: ['colspan', 'rowspan'],
};
const small = (list: readonly string[]) => new Set(list.map((name) => name.toLowerCase()));

export default defineFilter({
  page: {
    title: 'Safe HTML',
    summary: 'takes out of HTML what could run, and what nobody sees',
    notes: `- Texts with something like a tag in them are read as browsers read HTML, and written anew of what is allowed; all other texts stay as they are.
- Of \`script\`, \`style\`, \`iframe\`, \`object\`, \`svg\`, \`math\`, \`template\`, \`noscript\` and their like nothing stays, whatever \`allowed_tags\` says. Of other elements that are not allowed the text stays.
- Addresses have to be relative, or \`http\`, \`https\`, \`mailto\` or \`tel\`. A link that opens a window gets \`rel="noopener noreferrer"\`.`,
    examples: [
      {
        title: 'A page',
        config: {},
        hook: 'resource_post_fetch',
        payload: {
          uri: 'https://example.org/',
          content: {
            uri: 'https://example.org/',
            mimeType: 'text/html',
            text: '<p onclick="steal()">Hello <a href="java&#10;script:run()">you</a><script>run()</script>',
          },
        },
      },
    ],
  },
  config: settings({
    allowed_tags: z.array(z.string()).default(tags).transform(small).describe('The elements that stay.'),
    allowed_attrs: z
      .record(z.string(), z.array(z.string()))
      .default(attributes)
      .transform(
        (map) => new Map(Object.entries(map).map(([tag, names]) => [tag.toLowerCase(), small(names)])),
      )
      .describe('The attributes that stay, by element; `*` is for all.'),
    remove_comments: z.boolean().default(true).describe('Whether comments go.'),
    drop_unknown_tags: z
      .literal(true)
      .default(true)
      .describe('Elements that are not allowed go; their text stays.'),
    strip_event_handlers: z
      .boolean()
      .default(true)
      .describe('Whether `onclick` and its like go, also where `allowed_attrs` has them.'),
    sanitize_css: z
      .boolean()
      .default(true)
      .describe('Whether `style` goes, also where `allowed_attrs` has it.'),
    allow_data_images: z
      .boolean()
      .default(false)
      .describe('Whether images may be in the page itself (`data:image/…`; no SVG).'),
    remove_bidi_controls: z
      .boolean()
      .default(true)
      .describe('Whether characters go that nobody sees, or that turn the direction of writing.'),
    to_text: z.boolean().default(false).describe('Whether the text alone stays, without any HTML.'),
  }),
  setup(set) {
    const options = {
      tags: set.allowed_tags,
      attributes: set.allowed_attrs,
      comments: !set.remove_comments,
      events: !set.strip_event_handlers,
      css: !set.sanitize_css,
      dataImages: set.allow_data_images,
      bidi: set.remove_bidi_controls,
    };
    const clean = (text: string): string => {
      if (!hasTags(text)) return text;
      const made = sanitizeHtml(text, options);
      return set.to_text ? htmlToText(made, { markdown: false, links: false, images: true }) : made;
    };
    const hooks = textFilter((hook, payload) => {
      const changed = mapTexts(hook, payload, clean);
      return changed === payload
        ? proceed({ html_sanitized: false })
        : modify(changed, { html_sanitized: true });
    });
    const { resource_post_fetch, tool_post_invoke, prompt_post_fetch } = hooks;
    return { hooks: { resource_post_fetch, tool_post_invoke, prompt_post_fetch } as typeof hooks };
  },
});
