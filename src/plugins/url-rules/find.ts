const inText = /[a-z][a-z0-9+.-]{1,30}:[\\/]{1,8}[^\s"'<>`]{1,2048}/gi;
const begins = /^\s*[a-z][a-z0-9+.-]{1,30}:/i;
/** Fields whose value is an address, also without a scheme. */
const addressField =
  /^(?:.*[_-])?(?:ur[il]s?|href|hosts?|hostname|endpoint|server|domain|webhook|callback|link|origin|site|address|base_?url|.*U(?:rl|ri)|.*(?:Host|Endpoint|Webhook))$/i;

/** The URLs of a text that is the value of a field `name`: those within it, and all of it where it is one. */
export function urlsIn(text: string, name: string | undefined): readonly string[] {
  if (text.length <= 4096) {
    if (begins.test(text) && !/\s\S/.test(text.trim().replace(/[\t\n\r]/g, ''))) return [text.trim()];
    if (
      name !== undefined &&
      addressField.test(name) &&
      /^\s*(?:[\w.:%[\]-]+|[^\s/]*\.[^\s/]+)(?:[\\/?#]\S*)?\s*$/u.test(text)
    ) {
      const bare = text.trim().replace(/^[\\/]{2,}/, '');
      const isV6 = /^[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*$/i.test(bare);
      return bare === '' ? [] : [`http://${isV6 ? `[${bare}]` : bare}`];
    }
  }
  if (!text.includes(':/') && !text.includes(':\\')) return [];
  // What ends a sentence is no part of it.
  return Array.from(text.matchAll(inText), ([url]) => url.replace(/[.,;:!?)\]}]+$/, ''));
}
