/** The spellings of a URI that a server may take for the same: as it came, normalised, and with its escapes undone. */
export function uriForms(uri: string): readonly string[] {
  const forms = new Set([uri]);
  const add = (form: string | undefined) => {
    if (form !== undefined) forms.add(form);
  };
  add(normalised(uri));
  let current = uri;
  // Servers undo escapes once; one that does so twice would read %252e as a dot.
  for (let round = 0; round < 2; round += 1) {
    const plain = unescaped(current);
    if (plain === undefined || plain === current) break;
    add(plain);
    add(normalised(plain));
    current = plain;
  }
  return [...forms];
}

function normalised(uri: string): string | undefined {
  return URL.canParse(uri) ? new URL(uri).href : undefined;
}

function unescaped(uri: string): string | undefined {
  try {
    return decodeURIComponent(uri);
  } catch {
    return undefined;
  }
}

/** What one expression of RFC 6570 can expand to, by its operator. */
const expansions: Readonly<Record<string, string>> = {
  '': '[^/?#]*',
  '+': '.*',
  '#': '(#.*)?',
  '.': '(\\.[^/?#]*)*',
  '/': '(/[^?#]*)?',
  ';': '(;[^/?#]*)*',
  '?': '(\\?[^#]*)?',
  '&': '(&[^#]*)*',
};

/** Longer ones are no template that anyone wrote: they match nothing. */
const maxTemplateLength = 2_000;

/**
 * Tells whether a URI can come of a URI template (RFC 6570). Linear in both: the template is the upstream's, the URI the client's.
 * The library of expressions is loaded with the first question: few gateways are ever asked one.
 */
export async function templateMatcher(): Promise<(template: string, uri: string) => boolean> {
  const { RE2JS } = await import('re2js');
  return (template, uri) => {
    if (template.length > maxTemplateLength) return false;
    let pattern = '';
    let at = 0;
    for (const { 0: whole, 1: operator = '', index } of template.matchAll(/\{([+#./;?&]?)[^{}]*\}/g)) {
      pattern += RE2JS.quote(template.slice(at, index)) + (expansions[operator] ?? '.*');
      at = index + whole.length;
    }
    pattern += RE2JS.quote(template.slice(at));
    return RE2JS.compile(`(?s)${pattern}`).matcher(uri).matches();
  };
}

/** Whether `text` is what `pattern` says, where `*` stands for any text. Takes time linear in both, whatever the pattern. */
export function patternMatches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}
