import { Dropped, plainUrl, rawElements, readHtml, schemeOf, voidElements } from './read.js';

/** What of HTML stays. */
export interface SanitizeOptions {
  readonly tags: ReadonlySet<string>;
  /** By element; `*` is for all. */
  readonly attributes: ReadonlyMap<string, ReadonlySet<string>>;
  readonly comments: boolean;
  readonly events: boolean;
  readonly css: boolean;
  readonly dataImages: boolean;
  readonly bidi: boolean;
}

const urls = new Set('href src action formaction poster background cite data longdesc xlink:href'.split(' '));
const schemes = new Set(['http', 'https', 'mailto', 'tel', undefined]);
const targets = new Set(['_blank', '_self', '_parent', '_top']);
/** Elements that make other rules for what is in them, whatever a file allows. */
const never = new Set([
  ...rawElements,
  'svg',
  'math',
  'template',
  'base',
  'meta',
  'link',
  'frame',
  'frameset',
  'object',
  'embed',
  'applet',
]);
/** Deeper than any page that people read. */
const mostDepth = 200;

/** Signs that are not seen, and those that turn the direction of writing. */
const hidden = /[\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g;
const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};
const escaped = (text: string): string => text.replace(/[&<>"']/g, (sign) => entities[sign] ?? '');

/**
 * HTML made anew of what is allowed: every element, attribute and sign of it has been written here, so that no two readers see
 * different things in it.
 */
export function sanitizeHtml(html: string, options: SanitizeOptions): string {
  const made: string[] = [];
  const opened: string[] = [];
  const dropped = new Dropped();
  const shown = (text: string) => (options.bidi ? text.replace(hidden, '') : text);
  const isAllowed = (tag: string) => options.tags.has(tag) && !never.has(tag);
  readHtml(html, {
    open(tag, attributes) {
      if (dropped.open(tag) || !isAllowed(tag)) return;
      if (!voidElements.has(tag)) {
        if (opened.length >= mostDepth) return;
        opened.push(tag);
      }
      const kept = keptAttributes(tag, attributes, options);
      made.push(`<${tag}${kept.map(([name, value]) => ` ${name}="${escaped(shown(value))}"`).join('')}>`);
    },
    close(tag) {
      if (dropped.close(tag)) return;
      const at = opened.lastIndexOf(tag);
      if (at === -1) return;
      for (const inner of opened.splice(at).reverse()) made.push(`</${inner}>`);
    },
    text(text) {
      if (!dropped.active) made.push(escaped(shown(text)));
    },
    comment(text) {
      if (options.comments && !dropped.active && !/[<>-]/.test(text)) made.push(`<!--${shown(text)}-->`);
    },
  });
  for (const tag of opened.reverse()) made.push(`</${tag}>`);
  return made.join('');
}

function keptAttributes(
  tag: string,
  attributes: ReadonlyMap<string, string>,
  { attributes: allowed, events, css, dataImages }: SanitizeOptions,
): [string, string][] {
  const kept = new Map<string, string>();
  for (const [name, value] of attributes) {
    if (!allowed.get(tag)?.has(name) && !allowed.get('*')?.has(name)) continue;
    if (!/^[a-z][a-z0-9:_-]*$/.test(name) || name === 'srcdoc' || name === 'srcset') continue;
    if ((name.startsWith('on') && !events) || (name === 'style' && !css)) continue;
    if (urls.has(name)) {
      const image =
        tag === 'img' && dataImages && /^data:image\/(png|gif|jpe?g|webp|avif);/i.test(plainUrl(value));
      if (!schemes.has(schemeOf(value)) && !image) continue;
    }
    kept.set(name, name === 'target' && !targets.has(value) ? '_blank' : value);
  }
  if (tag === 'a' && kept.get('target') === '_blank') {
    const words = (kept.get('rel') ?? '').split(/\s+/).filter((word) => word !== '');
    kept.set('rel', [...new Set([...words, 'noopener', 'noreferrer'])].sort().join(' '));
  }
  return [...kept];
}
