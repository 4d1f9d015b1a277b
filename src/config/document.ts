import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import {
  ConfigDuplicateKey,
  ConfigFileUnusable,
  type ConfigPlace,
  ConfigSyntax,
  ConfigUnquotedTemplate,
} from '../errors.js';
import { maxDepth, maxKeys } from '../json/index.js';
import { type Problems, shown } from './problems.js';

/** A YAML value that still knows where it stands. Aliases and merge keys are resolved. */
export type ConfigNode = ScalarNode | ListNode | MapNode | BrokenNode;

interface Placed {
  readonly place: ConfigPlace;
}
export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** The value as the file has it, without quotes. */
  readonly text: string;
  /** Without quotes, and not a block of text. */
  readonly plain: boolean;
  /** Made from variables: its text is then read as the type that the field has. */
  readonly rendered?: boolean;
  /** Made from a variable that looks like a secret: never shown. */
  readonly hidden?: boolean;
}
export interface ListNode extends Placed {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
}
export interface MapEntry extends Placed {
  readonly key: string;
  readonly value: ConfigNode;
}
export interface MapNode extends Placed {
  readonly kind: 'map';
  readonly entries: readonly MapEntry[];
}
/** Something that has already been reported. */
interface BrokenNode extends Placed {
  readonly kind: 'broken';
}

/** Aliases may repeat parts of a file, but not without end: see "billion laughs". */
const maxNodes = 200_000;

/**
 * Parses YAML 1.2 (core schema). Returns undefined, with problems, where the text is not one document
 * that can be used.
 */
export function parseYaml(text: string, file: string, problems: Problems): ConfigNode | undefined {
  const lines = new LineCounter();
  const placeAt = (offset: number): ConfigPlace => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    for (let start = 0; start <= deep; start = text.indexOf('\n', start) + 1 || deep + 1)
      lines.addNewLine(start);
    problems.add(ConfigSyntax({ at: placeAt(deep), detail: `nested deeper than ${maxDepth} levels` }));
    return undefined;
  }
  // Duplicate keys are found below: the parser's own check takes quadratic time.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    schema: 'core',
    version: '1.2',
    logLevel: 'error',
  });
  const complaints = [...document.errors, ...document.warnings];
  for (const complaint of complaints) {
    const at = placeAt(complaint.pos[0]);
    const template = unquotedTemplate(text, complaint.pos[0]);
    problems.add(
      template === undefined
        ? ConfigSyntax({ at, detail: detailOf(complaint.message) }, complaint)
        : ConfigUnquotedTemplate({ at: placeAt(template.offset), quoted: template.quoted }),
    );
  }
  if (complaints.length > 0) return undefined;
  const root = document.contents;
  if (root === null || (isScalar(root) && root.value === null)) {
    problems.add(ConfigFileUnusable({ at: { file, line: 1, column: 1 }, reason: 'is empty' }));
    return undefined;
  }
  return new Converter(text, placeAt, problems).convert(root);
}

/** The parser's words, without the part of the file that some of them quote: it may be a secret; and without what is for programmers. */
function detailOf(message: string): string {
  if (message.includes('parseAllDocuments'))
    return 'a second document begins here (a line of ---): the file has to be one';
  const words = message.replace(
    /(token in YAML stream|Unknown directive|Unresolved tag|The tag|Unsupported YAML version).*$/s,
    '$1',
  );
  return shown(words).slice(1, -1);
}

/** Where the line of `offset` has a value that begins with `{{`, that value. */
function unquotedTemplate(text: string, offset: number): { offset: number; quoted: string } | undefined {
  const start = text.lastIndexOf('\n', Math.max(0, offset - 1)) + 1;
  const end = text.indexOf('\n', start);
  const line = text.slice(start, end < 0 ? text.length : end).slice(0, 2000);
  const found = /(?:^|[:,[{-])[ \t]*(?=\{\{)/.exec(line);
  if (found === null || /["']/.test(line.slice(0, found.index))) return undefined;
  const column = found.index + found[0].length;
  return { offset: start + column, quoted: quote(line.slice(column).trim()) };
}

function quote(template: string): string {
  return template.includes('"') ? `'${template.replaceAll("'", "''")}'` : `"${template}"`;
}

class Converter {
  readonly #text: string;
  readonly #placeAt: (offset: number) => ConfigPlace;
  readonly #problems: Problems;
  readonly #anchors = new Map<string, { node: ConfigNode; size: number }>();
  #nodes = 0;

  constructor(text: string, placeAt: (offset: number) => ConfigPlace, problems: Problems) {
    this.#text = text;
    this.#placeAt = placeAt;
    this.#problems = problems;
  }

  convert(node: unknown, fallback?: ConfigPlace): ConfigNode {
    const yaml = node as Node | null;
    const empty = isScalar(yaml) && yaml.value === null && (yaml.source ?? '') === '';
    const place =
      empty || !yaml?.range
        ? (fallback ?? this.#placeAt(yaml?.range?.[0] ?? 0))
        : this.#placeAt(yaml.range[0]);
    const before = this.#nodes;
    this.#nodes += 1;
    if (isAlias(yaml)) return this.#alias(yaml, place);
    let converted: ConfigNode;
    if (isMap(yaml)) converted = this.#map(yaml, place);
    else if (isSeq(yaml)) {
      converted = { kind: 'list', place, items: yaml.items.map((item) => this.convert(item, place)) };
    } else converted = scalar(yaml as Scalar | null, place);
    const { anchor } = (yaml ?? {}) as { anchor?: string };
    if (anchor !== undefined) this.#anchors.set(anchor, { node: converted, size: this.#nodes - before });
    return converted;
  }

  #alias(alias: Alias, place: ConfigPlace): ConfigNode {
    const target = this.#anchors.get(alias.source);
    if (target === undefined) {
      return this.#broken(
        place,
        `alias ${shown(`*${alias.source}`)} stands inside of what it names, or before it`,
      );
    }
    this.#nodes += target.size;
    if (this.#nodes > maxNodes) return this.#broken(place, `the aliases make more than ${maxNodes} values`);
    return { ...target.node, place };
  }

  #map(map: YAMLMap, place: ConfigPlace): ConfigNode {
    if (map.flow && isTemplate(map)) {
      const [start, end] = map.range ?? [0, 0];
      this.#problems.add(ConfigUnquotedTemplate({ at: place, quoted: quote(this.#text.slice(start, end)) }));
      return { kind: 'broken', place };
    }
    if (map.items.length > maxKeys) return this.#broken(place, `a map has more than ${maxKeys} keys`);
    const own = new Map<string, MapEntry>();
    const merged = new Map<string, MapEntry>();
    for (const pair of map.items) {
      if (isMergeKey(pair.key)) this.#merge(pair, place, merged);
      else {
        const entry = this.#entry(pair, place);
        const first = own.get(entry.key);
        if (first === undefined) own.set(entry.key, entry);
        else this.#problems.add(ConfigDuplicateKey({ at: entry.place, key: entry.key, first: first.place }));
      }
    }
    // A key of the map itself wins over a merged one: https://yaml.org/type/merge.html
    const inherited = [...merged.values()].filter((entry) => !own.has(entry.key));
    return { kind: 'map', place, entries: [...own.values(), ...inherited] };
  }

  #entry(pair: Pair, mapPlace: ConfigPlace): MapEntry {
    const keyNode = this.convert(pair.key, mapPlace);
    const { place } = keyNode;
    if (keyNode.kind === 'scalar')
      return { key: keyNode.text, place, value: this.convert(pair.value, place) };
    if (keyNode.kind !== 'broken') this.#broken(place, 'a key must be text');
    return { key: '', place, value: { kind: 'broken', place } };
  }

  #merge(pair: Pair, place: ConfigPlace, into: Map<string, MapEntry>): void {
    const value = this.convert(pair.value, place);
    for (const source of value.kind === 'list' ? value.items : [value]) {
      if (source.kind === 'map') {
        for (const entry of source.entries) if (!into.has(entry.key)) into.set(entry.key, entry);
      } else if (source.kind !== 'broken') this.#broken(source.place, "'<<' takes a map, or a list of maps");
    }
  }

  #broken(place: ConfigPlace, detail: string): BrokenNode {
    this.#problems.add(ConfigSyntax({ at: place, detail }));
    return { kind: 'broken', place };
  }
}

function scalar(node: Scalar | null, place: ConfigPlace): ScalarNode {
  const value = node?.value ?? null;
  const plain = node?.type === undefined || node.type === 'PLAIN';
  const known = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  const text = typeof value === 'string' ? value : (node?.source ?? String(value));
  return { kind: 'scalar', place, value: known ? value : null, text, plain };
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && key.value === '<<' && key.type === 'PLAIN';
}

/** `{{ env.X }}` without quotes is, to YAML, a map whose only key is a map. */
function isTemplate(map: YAMLMap): boolean {
  const [only, more] = map.items;
  return (
    only !== undefined &&
    more === undefined &&
    isMap(only.key) &&
    only.key.flow === true &&
    only.value === null
  );
}

/**
 * The offset at which YAML text nests deeper than `maxDepth`, if it does. Asked before parsing, because
 * the parser recurses: some thousand brackets end the process in V8's regular expression compiler, which
 * no `catch` sees. Counts flow brackets, and block indicators that stand further right than those around.
 */
function tooDeepAt(text: string): number | undefined {
  const blocks: number[] = [];
  let flow = 0;
  let offset = 0;
  let lineStart = 0;
  let base = 0;
  let newLine = true;
  let newBase = true;
  let scalar = false;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '\u001f') {
      scalar = true;
      continue;
    }
    if (lexeme === '\u0002' || lexeme === '\u0018') continue;
    const column = offset - lineStart;
    if (newBase && lexeme.trim() !== '') {
      if (newLine && flow === 0) while ((blocks.at(-1) ?? -1) >= column) blocks.pop();
      base = column;
      newLine = false;
      newBase = false;
    }
    if (!scalar) {
      if (lexeme === '[' || lexeme === '{') flow += 1;
      else if (lexeme === ']' || lexeme === '}') flow = Math.max(0, flow - 1);
      else if (flow === 0 && (lexeme === '-' || lexeme === '?')) {
        blocks.push(column);
        newBase = true;
      } else if (flow === 0 && lexeme === ':') blocks.push(base);
      else if (lexeme === '---' || lexeme === '...') blocks.length = 0;
      if (blocks.length + flow > maxDepth) return offset;
    }
    scalar = false;
    offset += lexeme.length;
    const newline = lexeme.lastIndexOf('\n');
    if (newline >= 0) {
      lineStart = offset - lexeme.length + newline + 1;
      newLine = true;
      newBase = true;
    }
  }
  return undefined;
}
