import { z } from 'zod';
import { isJsonObject } from '../json/index.js';
import { block, type HookResult, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';

/** The first bytes of what can do harm, or is told to be something else. */
const signatures: readonly (readonly [mime: string, bytes: string])[] = [
  ['application/vnd.microsoft.portable-executable', 'MZ'],
  ['application/x-elf', '\x7fELF'],
  ['application/x-mach-binary', '\xcf\xfa\xed\xfe'],
  ['application/x-mach-binary', '\xca\xfe\xba\xbe'],
  ['text/x-shellscript', '#!'],
  ['application/pdf', '%PDF-'],
  ['application/zip', 'PK\x03\x04'],
  ['application/gzip', '\x1f\x8b'],
  ['application/vnd.rar', 'Rar!\x1a\x07'],
  ['application/x-7z-compressed', "7z\xbc\xaf'\x1c"],
  ['image/png', '\x89PNG\r\n'],
  ['image/jpeg', '\xff\xd8\xff'],
  ['image/gif', 'GIF8'],
];

/** What a type without a signature of its own may have in truth: containers, scripts. */
const sameAs: Readonly<Record<string, RegExp>> = {
  'application/zip':
    /^application\/(?:zip|x-zip.*|java-archive|epub\+zip|vnd\.(?:openxmlformats|oasis|android).*)$/,
  'application/gzip': /^application\/(?:gzip|x-gzip|x-tar|x-compressed-tar)$/,
  'text/x-shellscript': /^text\/|^application\/(?:x-sh|javascript|x-.*script|octet-stream)$/,
};

export default defineFilter({
  page: {
    title: 'File types',
    summary:
      'lets only files of some types through: by extension, by the type that is told, and by their first bytes',
    notes: `Resources are looked at by the extension of their path before they are read, and by their \`mimeType\` afterwards; so are images, audio and embedded resources in
results of tools, and links in them. A type matches whatever its parameters (\`; charset=utf-8\`) and case; \`image/*\` is all of a kind. An empty list allows everything. Binary content
that begins as another type than it is told to be is refused, unless \`look_inside\` is off.`,
    examples: [
      {
        title: 'Documents and images alone',
        config: { allowed_extensions: ['.md', 'txt', 'png'], allowed_mime_types: ['text/*', 'image/png'] },
        hook: 'resource_pre_fetch',
        payload: { uri: 'file:///srv/tools/setup.exe' },
      },
      {
        title: 'What is no image in truth',
        config: { allowed_mime_types: ['image/png'] },
        hook: 'tool_post_invoke',
        payload: {
          name: 'logo',
          result: { content: [{ type: 'image', mimeType: 'image/png', data: 'TVqQAAMAAAAEAAAA' }] },
        },
      },
    ],
  },
  config: settings({
    allowed_extensions: z
      .array(z.string().min(1))
      .default([])
      .describe('Extensions of paths, with or without the dot. A path without one passes.'),
    allowed_mime_types: z
      .array(z.string().regex(/^[^/\s]+\/[^/\s]+$/, 'a type such as text/plain or image/*'))
      .default([])
      .describe('Types of content.'),
    look_inside: z.boolean().default(true).describe('Whether binary content has to begin as its type does.'),
  }),
  setup({ allowed_extensions, allowed_mime_types, look_inside }) {
    const extensions = new Set(allowed_extensions.map((one) => one.toLowerCase().replace(/^\./, '')));
    const types = allowed_mime_types.map((one) => one.toLowerCase());
    const isAllowed = (type: string) =>
      types.length === 0 ||
      types.some(
        (one) => one === type || one === '*/*' || (one.endsWith('/*') && type.startsWith(one.slice(0, -1))),
      );

    const refusal = (what: string, details: Record<string, unknown>): HookResult =>
      block({
        code: 'FILETYPE_BLOCK',
        reason: 'File type not allowed',
        description: `${what} is not allowed here`,
        details,
      });

    const byUri = (uri: unknown): HookResult | undefined => {
      const extension = typeof uri === 'string' ? extensionOf(uri) : '';
      if (extension === '' || extensions.size === 0 || extensions.has(extension)) return undefined;
      return refusal(`The extension .${extension}`, { extension });
    };
    const byContent = (type: unknown, base64: unknown): HookResult | undefined => {
      const told = typeof type === 'string' ? (type.split(';')[0] ?? '').trim().toLowerCase() : '';
      if (told !== '' && !isAllowed(told)) return refusal(`The type ${told}`, { mime_type: told });
      const begins = look_inside && typeof base64 === 'string' ? typeOf(base64) : undefined;
      if (begins === undefined) return undefined;
      // What tells of no type is what it begins as.
      if (told === '')
        return isAllowed(begins) ? undefined : refusal(`The type ${begins}`, { mime_type: begins });
      const same =
        begins === told ||
        sameAs[begins]?.test(told) ||
        (told === 'application/octet-stream' && isAllowed(begins));
      return same
        ? undefined
        : refusal(`Content that is told to be ${told}, and is ${begins}`, { mime_type: told, is: begins });
    };
    const contents = (value: unknown): HookResult | undefined => {
      if (Array.isArray(value)) return first(value, contents);
      if (!isJsonObject(value)) return undefined;
      if (Array.isArray(value['contents'])) return first(value['contents'], contents);
      return byContent(value['mimeType'] ?? value['mime_type'], value['blob']);
    };
    const item = (value: unknown): HookResult | undefined => {
      if (!isJsonObject(value)) return undefined;
      const { type, uri, mimeType, data, resource } = value;
      if (type === 'resource')
        return byUri(isJsonObject(resource) ? resource['uri'] : undefined) ?? contents(resource);
      if (type === 'resource_link') return byUri(uri) ?? byContent(mimeType, undefined);
      return type === 'image' || type === 'audio' ? byContent(mimeType, data) : undefined;
    };
    return {
      hooks: {
        resource_pre_fetch: ({ uri }) => byUri(uri) ?? proceed(),
        resource_post_fetch: ({ content }) => contents(content) ?? proceed(),
        tool_post_invoke: ({ result }) =>
          (isJsonObject(result) && Array.isArray(result['content'])
            ? first(result['content'], item)
            : undefined) ?? proceed(),
      },
    };
  },
});

function first<T>(values: readonly unknown[], of: (value: unknown) => T | undefined): T | undefined {
  for (const value of values) {
    const found = of(value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The extension of the path of a URI, in lower case; '' where it has none. */
function extensionOf(uri: string): string {
  let path = uri.replace(/[?#].*$/s, '');
  try {
    path = decodeURIComponent(path);
  } catch {
    // It is no encoding then.
  }
  // As file systems read it: neither blanks nor dots count at the end, and what follows NUL does not.
  const name = /[^/\\]*$/.exec(path.replace(/\0.*$/s, '').replace(/[. ]+$/, ''))?.[0] ?? '';
  const isHost = /^[a-z][a-z0-9+.-]*:\/\/[^/]*$/i.test(path);
  return isHost || !name.includes('.') ? '' : name.slice(name.lastIndexOf('.') + 1).toLowerCase();
}

function typeOf(base64: string): string | undefined {
  const begins = Buffer.from(base64.slice(0, 16), 'base64').toString('latin1');
  return signatures.find(([, bytes]) => begins.startsWith(bytes))?.[0];
}
