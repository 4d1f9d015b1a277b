import { isJsonObject } from '../../json/index.js';
import { hiddenRuns, named, replaceHidden, spelt, visible } from './visible.js';

/** Something in a text of an upstream that a person should read: it may be written for the model, and not for them. */
export interface Finding {
  /** Where in the entry, such as `description` or `inputSchema.properties.path.description`. */
  readonly where: string;
  /** What it is, in words. */
  readonly what: string;
  /** The place itself, with what is hidden in it made visible. */
  readonly text: string;
}

/** Characters of a text on each side of what is shown. */
const around = 60;
/** What a pattern can span: texts are looked through in time that grows with their length alone. */
const gap = '[^\\n]{0,80}?';

/** Texts that try to instruct a model, by what they are about. Each is searched for without regard to case. */
const wordings: readonly (readonly [what: string, pattern: string])[] = [
  [
    'overrides instructions',
    '\\b(?:ignore|disregard|forget|override|bypass)\\b[^.\\n]{0,40}\\b(?:instructions?|rules?|prompts?|guidelines?|polic(?:y|ies)|restrictions?|safety)\\b',
  ],
  ['overrides instructions', '\\b(?:new|updated|real|actual) (?:system )?(?:instructions?|prompt)\\b\\s*:'],
  ['speaks to the model', '\\byou are (?:now |an? )(?:\\w+ ){0,4}(?:assistant|agent|ai|model|mode)\\b'],
  [
    'speaks to the model',
    `\\b(?:as an ai|llm|language model|the assistant|the agent)\\b${gap}\\b(?:must|should|shall|has to|needs? to)\\b`,
  ],
  [
    'speaks of the system prompt',
    '\\b(?:system|developer|hidden|initial) (?:prompt|message|instructions?)\\b',
  ],
  [
    'keeps something from the user',
    `\\b(?:do not|don't|don’t|never|without|avoid)\\b[^.\\n]{0,40}\\b(?:tell|telling|mention|mentioning|inform|informing|notify|notifying|show|showing|reveal|revealing|ask|asking|alert|alerting|disclose|disclosing)\\b[^.\\n]{0,40}\\b(?:the |to |any )?(?:users?|human|person|anyone|operator)\\b`,
  ],
  [
    'keeps something from the user',
    '\\b(?:secretly|silently|covertly|quietly)\\b[^.\\n]{0,60}\\b(?:send|call|read|write|add|include|append|copy|forward|run|execute|invoke|pass)\\b',
  ],
  [
    'directs the use of tools',
    `\\b(?:before|after|when(?:ever)?|while|prior to)\\b[^.\\n]{0,40}\\b(?:using|calling|invoking|running|executing|you (?:use|call|invoke|run))\\b[^.\\n]{0,40}\\b(?:tools?|functions?|servers?)\\b`,
  ],
  [
    'directs the use of tools',
    "\\b(?:must|always|first|immediately|never|do not|don't|required to|instead|only)\\b[^.\\n]{0,30}\\b(?:use|call|invoke|run|execute)\\b[^.\\n]{0,40}\\b(?:tools?|functions?)\\b",
  ],
  [
    'directs the use of tools',
    '\\b(?:other|another|any other|all other|every other) (?:tools?|functions?|mcp servers?|servers?)\\b',
  ],
  [
    'directs the use of tools',
    '\\binstead of (?:using |calling )?(?:the |any )?[\\w.-]+ (?:tool|function)\\b',
  ],
  [
    'speaks of secrets',
    '(?:~|\\$HOME|/home/[^/\\s]+|/root|%USERPROFILE%)[/\\\\]\\.[\\w./\\\\-]+|\\bid_(?:rsa|ed25519|ecdsa|dsa)\\b|/etc/(?:passwd|shadow)\\b|(?<![\\w.])\\.(?:env|netrc|npmrc|pgpass|aws|ssh|kube|gnupg)\\b|\\bmcp\\.json\\b|\\bclaude_desktop_config\\b',
  ],
  [
    'speaks of secrets',
    `\\b(?:read|send|include|provide|pass|give|copy|append|attach|reveal|collect|find|extract|put|paste|forward|leak|exfiltrate)\\w*\\b[^.\\n]{0,60}\\b(?:api[ _-]?keys?|passwords?|passphrases?|credentials?|secrets?|private keys?|(?:access|auth|bearer|session|refresh)[ _-]?tokens?|cookies?|environment variables?)\\b`,
  ],
  [
    'asks for what was said',
    `\\b(?:send|include|provide|pass|give|copy|append|attach|forward|log|put|summari[sz]e)\\w*\\b[^.\\n]{0,60}\\b(?:conversation|chat (?:history|log)|(?:previous|prior|all|full|entire|whole) (?:messages?|context|conversation|history|prompts?))\\b`,
  ],
  [
    'sends something elsewhere',
    `\\b(?:send|post|upload|forward|report|exfiltrate|transmit|e-?mail|bcc)\\w*\\b[^\\n]{0,60}(?:https?://|\\b[\\w.+-]+@[\\w-]+\\.\\w)`,
  ],
  [
    'marks itself as important',
    '<\\s*/?\\s*(?:important|system|instructions?|secret|hidden|admin|critical|priority|override|assistant|user|human|tool_?(?:call|use|result))\\b[^>\\n]{0,40}>',
  ],
  [
    'marks itself as important',
    '\\[\\s*/?(?:INST|SYSTEM|IMPORTANT|ADMIN|ASSISTANT)\\s*\\]|<\\|\\w{2,20}\\|>|<<\\s*/?SYS\\s*>>|(?:^|\\n)\\s*(?:system|assistant|human)\\s*:',
  ],
];
const compiled = wordings.map(([what, pattern]) => [what, new RegExp(pattern, 'gi')] as const);

/** Of each kind in one text so many are shown; of the others their number. */
const mostOfAKind = 3;
/** A text within a text within a text is not looked into. */
const deepestDecoded = 2;

/**
 * What of an entry a person should read before it is locked: in all of its texts and names of members, at any depth. `others` are
 * the names of the other tools that a model is shown: what speaks of them may direct their use.
 */
export function inspect(entry: unknown, others: Iterable<string> = []): readonly Finding[] {
  const names = [...others].filter((name) => /[_-]|[a-z][A-Z]/.test(name) && name.length >= 6);
  const found: Finding[] = [];
  const walk = (value: unknown, where: string) => {
    if (typeof value === 'string') found.push(...inText(value, where, names));
    else if (Array.isArray(value)) for (const [i, item] of value.entries()) walk(item, `${where}[${i}]`);
    else if (isJsonObject(value))
      for (const [key, item] of Object.entries(value)) {
        const path = where === '' ? visible(key) : `${where}.${visible(key)}`;
        found.push(...inText(key, `the name ${path}`, []));
        walk(item, path);
      }
  };
  walk(entry, '');
  return found;
}

function inText(text: string, where: string, names: readonly string[], depth = 0): readonly Finding[] {
  const found: Finding[] = [...hidden(text, where), ...odd(text, where)];
  // What is hidden between the letters of a word keeps it from nobody but a reader of patterns.
  const read = replaceHidden(text, (run) => spelt(run) && ` ${spelt(run)} `).normalize('NFKC');
  for (const [what, pattern] of compiled) found.push(...matches(read, pattern, where, what));
  for (const name of names) {
    const at = read.indexOf(name);
    if (at >= 0 && isWord(read, at, name.length))
      found.push({ where, what: 'names another tool', text: excerpt(read, at, name.length) });
  }
  if (depth < deepestDecoded) found.push(...encoded(text, where, depth));
  return distinct(found);
}

const isWord = (text: string, at: number, length: number) =>
  !/\w/.test(text[at - 1] ?? ' ') && !/\w/.test(text[at + length] ?? ' ');

function hidden(text: string, where: string): Finding[] {
  const kinds: readonly [string, RegExp][] = [
    ['hides text in tag characters', /[\u{E0000}-\u{E007F}]/u],
    ['turns the order of characters around', /[\u{200E}\u{200F}\u{202A}-\u{202E}\u{2066}-\u{2069}\u{61C}]/u],
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
    ['has an escape sequence of a terminal', /\u{1B}|\u{9B}/u],
    ['has control characters', /\p{Cc}/u],
    ['has spaces that are no plain ones', /^\p{Zs}+$/u],
  ];
  return hiddenRuns(text)
    .filter((run) => !/^[\u{A0}\r]+$/u.test(run))
    .map((run) => {
      const what = kinds.find(([, pattern]) => pattern.test(run))?.[0] ?? 'has invisible characters';
      const at = text.indexOf(run);
      const [before, after] = [
        text.slice(Math.max(0, at - 20), at),
        text.slice(at + run.length, at + run.length + 20),
      ];
      return { where, what, text: oneLine(`${visible(before)}${named(run)}${visible(after)}`) };
    });
}

/** What a page that renders the text leaves out, or what is far from where a reader looks. */
function odd(text: string, where: string): Finding[] {
  return [
    ...matches(text, /<!--.{0,400}?(?:-->|$)/gs, where, 'has a comment of HTML, which no page shows'),
    ...matches(
      text,
      /^\s*\[(?:\/\/|comment|_)\]:\s*[#<][^\n]{0,400}/gim,
      where,
      'has a comment of Markdown, which no page shows',
    ),
    ...matches(
      text,
      /<(?:script|style|iframe|object|embed|template|noscript)\b[^>\n]{0,200}>?/gi,
      where,
      'has HTML that no page shows as text',
    ),
    ...matches(
      text,
      /<[a-z]\w{0,20}[^>\n]{0,120}(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0|\bhidden\b)[^>\n]{0,80}>/gi,
      where,
      'has HTML that is not shown',
    ),
    ...matches(text, /\n{12,}|[ \t]{80,}/g, where, 'moves what follows out of sight'),
    ...matches(
      text,
      /\p{L}{0,24}(?:[a-z][\u{370}-\u{3FF}\u{400}-\u{52F}]|[\u{370}-\u{3FF}\u{400}-\u{52F}][a-z])\p{L}{0,24}/giu,
      where,
      'mixes letters of several scripts in a word',
    ),
  ];
}

/** What stands in another encoding: it is shown, and its text looked through like any other. */
function encoded(text: string, where: string, depth: number): Finding[] {
  const found: Finding[] = [];
  for (const [blob] of text.matchAll(
    /(?:[A-Za-z0-9+/_-]{40,}={0,2})|(?:%[0-9a-fA-F]{2}){12,}|(?:\\u[0-9a-fA-F]{4}){6,}/g,
  )) {
    if (/^[\da-f]{40}$|^[\da-f]{64}$/i.test(blob) || (/^[a-z]+$/i.test(blob) && blob === blob.toLowerCase()))
      continue;
    const decoded = decode(blob);
    const shown = decoded === undefined ? '' : `, which says: ${visible(decoded.slice(0, 200))}`;
    if (decoded === undefined && !/\d/.test(blob)) continue;
    // A path or an address is long, too, and is read as it is.
    if (decoded === undefined && /[/_-].*[/_-]/.test(blob)) continue;
    found.push({ where, what: 'has encoded text', text: oneLine(`${blob.slice(0, around)}…${shown}`) });
    if (decoded !== undefined) found.push(...inText(decoded, `${where} (decoded)`, [], depth + 1));
  }
  return found;
}

/** What a blob is in UTF-8, where that is text. */
function decode(blob: string): string | undefined {
  const bytes = blob.startsWith('%')
    ? Buffer.from(blob.replaceAll('%', ''), 'hex')
    : blob.startsWith('\\u')
      ? Buffer.from(
          String.fromCharCode(
            ...(blob.match(/[0-9a-fA-F]{4}/g) ?? []).map((hex) => Number.parseInt(hex, 16)),
          ),
        )
      : /^(?:[0-9a-fA-F]{2})+$/.test(blob)
        ? Buffer.from(blob, 'hex')
        : Buffer.from(blob, 'base64');
  const text = bytes.toString();
  const plain = [...text].filter(
    (char) => /[\p{L}\p{N}\p{P}\p{Zs}\n\t\p{S}]/u.test(char) && char !== '\u{FFFD}',
  ).length;
  return text.length >= 8 && plain >= [...text].length * 0.95 ? text : undefined;
}

function matches(text: string, pattern: RegExp, where: string, what: string): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    where,
    what,
    text: excerpt(text, match.index, match[0].length),
  }));
}

function excerpt(text: string, at: number, length: number): string {
  const from = Math.max(0, at - around);
  const end = Math.min(text.length, at + Math.min(length, 400) + around);
  const cut = text.slice(from, end);
  return oneLine(`${from > 0 ? '…' : ''}${visible(cut)}${end < text.length ? '…' : ''}`);
}

const oneLine = (text: string): string => text.replace(/\s*[\n\t]\s*/g, ' ').trim();

/** Each kind of a place with its first ones, and the number of the others: none of them is left out without a word. */
function distinct(found: readonly Finding[]): readonly Finding[] {
  const kinds = new Map<string, Finding[]>();
  for (const finding of found) {
    const key = JSON.stringify([finding.where, finding.what]);
    const all = kinds.get(key) ?? [];
    kinds.set(key, all);
    if (!all.some(({ text }) => text === finding.text)) all.push(finding);
  }
  return [...kinds.values()].flatMap((all) => {
    const [first] = all;
    const more = all.length - mostOfAKind;
    if (first === undefined || more <= 0) return all;
    return [...all.slice(0, mostOfAKind), { ...first, text: `and ${more} more of this kind` }];
  });
}
