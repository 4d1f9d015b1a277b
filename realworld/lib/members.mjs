/** The members of a JSON object, each as the text that it is written with: what a parser would make of numbers, spaces and order is not lost. */
export function members(text) {
  const found = {};
  let at = text.indexOf('{') + 1;
  while (at > 0) {
    at = skipSpace(text, at);
    if (text[at] === '}' || at >= text.length) break;
    const keyEnd = endOfValue(text, at);
    const key = JSON.parse(text.slice(at, keyEnd));
    const start = skipSpace(text, text.indexOf(':', keyEnd) + 1);
    const end = endOfValue(text, start);
    found[key] = text.slice(start, end);
    at = skipSpace(text, end);
    if (text[at] !== ',') break;
    at += 1;
  }
  return found;
}

function skipSpace(text, from) {
  let at = from;
  while (/\s/.test(text[at] ?? '')) at += 1;
  return at;
}

/** Where the value ends that begins at `from`. */
function endOfValue(text, from) {
  let depth = 0;
  let at = from;
  for (;;) {
    const char = text[at];
    if (char === '"') at = endOfString(text, at);
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    }
    if (depth === 0 && (char === '"' || /[,\s]/.test(text[at + 1] ?? ',') || '}]'.includes(text[at + 1]))) {
      return at + 1;
    }
    at += 1;
  }
}

/** The place of the quotation mark that ends a text. */
function endOfString(text, from) {
  let at = from + 1;
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1;
  return at;
}
