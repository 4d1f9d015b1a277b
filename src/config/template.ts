import { ConfigTemplate, ConfigUnquotedTemplate, ConfigVariableUnset } from '../errors.js';
import { maxDepth } from '../json/index.js';
import type { ConfigNode, MapEntry, ScalarNode } from './document.js';
import type { Env } from './files.js';
import { looksSecret, type Problems } from './problems.js';

/** Longer than any value that a template is meant to make. */
const maxTemplate = 8192;

/**
 * Replaces the templates in the values of `node` by what the variables make of them. This happens after
 * parsing, one string at a time: a value with quotes, colons or line ends in it stays one string.
 */
export function render(node: ConfigNode, env: Env, key: string, problems: Problems): ConfigNode {
  switch (node.kind) {
    case 'broken':
      return node;
    case 'list':
      return { ...node, items: node.items.map((item, i) => render(item, env, `${key}[${i}]`, problems)) };
    case 'map': {
      const entry = (from: MapEntry): MapEntry => ({
        ...from,
        value: render(from.value, env, key === '' ? from.key : `${key}.${from.key}`, problems),
      });
      return { ...node, entries: node.entries.map(entry) };
    }
    case 'scalar':
      return typeof node.value === 'string' &&
        /\{[{%]/.test(node.value) &&
        !(ofRequests.test(key) && !node.plain)
        ? scalar(node, env, key, problems)
        : node;
  }
}

/** Values that are made anew for each request: their templates are not of variables. */
const ofRequests = /^gateway\.upstreams\..*\.headers\.from_client\./;

function scalar(node: ScalarNode, env: Env, key: string, problems: Problems): ConfigNode {
  const { place: at, text } = node;
  const broken = { kind: 'broken', place: at } as const;
  if (node.plain) {
    const quoted = looksSecret(key) ? '"…{{ env.NAME }}…"' : JSON.stringify(text);
    problems.add(ConfigUnquotedTemplate({ at, quoted }));
    return broken;
  }
  const refusal = (reason: string) => ConfigTemplate({ at, key, reason });
  if (text.length > maxTemplate) {
    problems.add(refusal(`longer than ${maxTemplate} characters`));
    return broken;
  }
  const template = new TemplateReader(text, env, refusal);
  let value: string;
  try {
    value = template.read();
  } catch (error) {
    if (!ConfigTemplate.is(error)) throw error;
    problems.add(error);
    return broken;
  }
  for (const variable of template.unset) problems.add(ConfigVariableUnset({ at, key, variable }));
  if (template.unset.length > 0) return broken;
  const hidden = [...template.names].some(looksSecret);
  return { ...node, value, text: value, rendered: template.names.size > 0, hidden };
}

const plainOnly = "only 'env.NAME' and filters, no operators or calls";
const variablesOnly = "only variables can be named: 'env.NAME'";

const textFilters: Readonly<Record<string, (text: string) => string>> = {
  trim: (text) => text.trim(),
  lower: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
};
const filterNames = ['default', ...Object.keys(textFilters)];

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f', v: '\v' };

/** What an expression makes: a text, or the variables that it would need. `filter` is one that they had to pass. */
type Made = { readonly text: string } | { readonly unset: readonly string[]; readonly filter?: string };

/**
 * Reads the few forms of Jinja that are known here: text, comments, and `{{ }}` with variables, literal texts, parentheses
 * and filters. There are no loops and no calls, and nothing has a name but `env`.
 */
class TemplateReader {
  /** The variables that it names, and those of them that are needed and not set. */
  readonly names = new Set<string>();
  readonly unset: string[] = [];
  readonly #refusal: (reason: string) => Error;
  readonly #env: Env;
  readonly #source: string;
  #at = 0;
  /** The token that comes next in an expression; empty at the end. */
  #token = '';

  constructor(source: string, env: Env, refusal: (reason: string) => Error) {
    this.#refusal = refusal;
    this.#source = source;
    this.#env = env;
  }

  /** The text that the template makes. Throws what `refusal` makes of why it cannot be used. */
  read(): string {
    let text = '';
    for (;;) {
      const open = /\{[{%#]-?/g;
      open.lastIndex = this.#at;
      const { 0: tag, index } = open.exec(this.#source) ?? { 0: undefined, index: undefined };
      const before = this.#source.slice(this.#at, index);
      if (tag === undefined) return text + before;
      this.#at = open.lastIndex;
      text += tag.endsWith('-') ? before.trimEnd() : before;
      if (tag[1] === '%') throw this.#refusal('only expressions, no {% … %} blocks');
      if (tag[1] === '#') this.#comment();
      else text += this.#braces();
    }
  }

  #comment(): void {
    const end = this.#source.indexOf('#}', this.#at);
    if (end === -1) throw this.#refusal('a comment is not finished');
    this.#at = end + 2;
    if (this.#source[end - 1] === '-') this.#skipSpace();
  }

  #braces(): string {
    this.#next();
    const made = this.#expression(0);
    if (!this.#token.endsWith('}}')) throw this.#unexpected();
    if (this.#token === '-}}') this.#skipSpace();
    if ('text' in made) return made.text;
    this.unset.push(...made.unset);
    return '';
  }

  #skipSpace(): void {
    const end = this.#source.slice(this.#at).search(/\S/);
    // As in Jinja, the last line end is no part of the template; a YAML block of text has it, and means to keep it.
    const last = this.#source.endsWith('\n') ? this.#source.length - 1 : this.#source.length;
    this.#at = end === -1 ? Math.max(this.#at, last) : this.#at + end;
  }

  #next(): void {
    const token = /\s*(-?\}\}|-?\d+|\w+|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\S|$)/sy;
    token.lastIndex = this.#at;
    this.#token = token.exec(this.#source)?.[1] ?? '';
    this.#at = token.lastIndex;
  }

  /** Whether `token` comes next, which is then passed. */
  #takes(token: string): boolean {
    const found = this.#token === token;
    if (found) this.#next();
    return found;
  }

  #expect(token: string): void {
    if (!this.#takes(token)) throw this.#unexpected();
  }

  #unexpected(): Error {
    return this.#refusal(this.#token === '' ? 'an expression is not finished' : plainOnly);
  }

  #expression(depth: number): Made {
    if (depth > maxDepth) throw this.#refusal('nested too deep');
    let made = this.#operand(depth);
    while (this.#takes('|')) {
      const filter = this.#token;
      if (filter === '') throw this.#unexpected();
      if (!filterNames.includes(filter))
        throw this.#refusal(`unknown filter '${filter}' (known: ${filterNames.join(', ')})`);
      this.#next();
      const change = textFilters[filter];
      if (change === undefined) made = this.#default(made, depth);
      else if ('text' in made) made = { text: change(made.text) };
      else made = { ...made, filter };
    }
    return made;
  }

  #operand(depth: number): Made {
    if (this.#takes('(')) {
      const made = this.#expression(depth + 1);
      this.#expect(')');
      return made;
    }
    const text = this.#literal();
    if (text !== undefined) return { text };
    const word = this.#token;
    if (!/^[A-Za-z_]/.test(word)) throw this.#unexpected();
    this.#next();
    const name = this.#member();
    if (this.#token === '.' || this.#token === '[') throw this.#refusal(variablesOnly);
    if (!/^(\||[),]|-?\}\})$/.test(this.#token)) throw this.#unexpected();
    if (name === undefined)
      throw this.#refusal(`'${word}' is not known here: variables are written 'env.NAME'`);
    if (word !== 'env' || !/^[A-Za-z_]\w*$/.test(name)) throw this.#refusal(variablesOnly);
    this.names.add(name);
    const value = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
    return value === undefined ? { unset: [name] } : { text: value };
  }

  /** What `.NAME` or `["NAME"]` names. */
  #member(): string | undefined {
    if (this.#takes('.')) {
      const name = this.#token;
      this.#next();
      return name;
    }
    if (!this.#takes('[')) return undefined;
    const name = this.#literal() ?? '';
    this.#expect(']');
    return name;
  }

  /** A text in quotes, or several in a row. */
  #literal(): string | undefined {
    let text: string | undefined;
    for (; /^(['"]).*\1$/s.test(this.#token) && this.#token.length > 1; this.#next())
      text = (text ?? '') + this.#unescaped(this.#token.slice(1, -1));
    return text;
  }

  /** `default(VALUE)` stands in for a variable that is not set, `default(VALUE, true)` for one that is empty too. */
  #default(given: Made, depth: number): Made {
    this.#expect('(');
    const value = this.#token === ')' ? { text: '' } : (this.#constant() ?? this.#expression(depth + 1));
    const flag = this.#takes(',') && this.#token !== ')' ? this.#constant()?.text : 'false';
    this.#takes(',');
    if (this.#token !== ')' || (flag !== 'true' && flag !== 'false'))
      throw this.#token === '' ? this.#unexpected() : this.#refusal("'default' takes constants only");
    this.#next();
    if ('text' in given) return given.text === '' && flag === 'true' ? value : given;
    if (given.filter !== undefined) throw this.#refusal(`'default' stands before '${given.filter}'`);
    return value;
  }

  /** A number, true or false, as it is written out. */
  #constant(): { readonly text: string } | undefined {
    const number = /^-?\d+$/.test(this.#token);
    if (!number && !/^(true|false|True|False)$/.test(this.#token)) return undefined;
    const text = number ? String(Number(this.#token)) : this.#token.toLowerCase();
    this.#next();
    return { text };
  }

  #unescaped(text: string): string {
    return text.replace(
      /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))/gs,
      (sequence: string, ...[x, u, one]) => {
        const hex = (x ?? u) as string | undefined;
        if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
        const meant = /['"\\]/.test(one) ? (one as string) : escapes[one as string];
        if (meant === undefined) throw this.#refusal(`unknown escape in a text: ${sequence}`);
        return meant;
      },
    );
  }
}
