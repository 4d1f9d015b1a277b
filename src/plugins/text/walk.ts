import { isUtf8 } from 'node:buffer';
import type { HookName } from '../../hooks/index.js';
import { isJsonObject } from '../../json/index.js';
import { mapJsonText } from './json-text.js';

/** Where a text stands in a payload. */
export interface Place {
  /** As a JSON pointer. It is made where it is asked for. */
  pointer(): string;
  /** The name of the field that it is the value of, or of the list with it. */
  readonly name: string | undefined;
}

/** Looks at a text, and returns what is to stand in its place: the text itself where it may stay. */
export type Visit = (text: string, place: Place) => string;

/** What counts as text beside the texts of a payload. */
export interface TextOptions {
  /** Names of fields in arguments and data. One that is changed stays apart from those beside it. */
  readonly keys?: boolean;
  /** URIs of resources and of links to them. */
  readonly uris?: boolean;
  /** Whole numbers of so many digits or more. One that is changed becomes a text. */
  readonly numbersFrom?: number;
  /** Binary content that is text in truth: UTF-8 in base64. */
  readonly blobs?: boolean;
  /**
   * Whether a text is to be read as JSON, where it is JSON: its strings are visited then, without the escapes of JSON, and
   * what is changed leaves it JSON. Asked of texts that look like it.
   */
  readonly json?: (text: string) => boolean;
}

/**
 * Visits every text of a hook's payload, in order, and returns the payload with what `visit` made of them. What is unchanged is
 * shared with the payload given; one without any change is that payload itself. Payloads have been parsed within the limits
 * of `json/`, which bound their depth.
 */
export function mapTexts<P>(hook: string, payload: P, visit: Visit, options: TextOptions = {}): P {
  const walk = Object.hasOwn(places, hook) ? places[hook as HookName] : undefined;
  if (walk === undefined || !isJsonObject(payload)) return payload;
  return new TextWalk(visit, options).fields(payload, walk) as P;
}

/** What a field holds, and so where its texts are. */
type Walk = (walk: TextWalk, value: unknown) => unknown;

const data: Walk = (walk, value) => walk.data(value);
const content: Walk = (walk, value) => walk.content(value);
const messages: Walk = (walk, value) => walk.list(value, (message) => walk.message(message));
const uri: Walk = (walk, value) => walk.uri(value);
const contents: Walk = (walk, value) => walk.contents(value);
const promptResult: Walk = (walk, value) => walk.within(value, { messages, description: data });
const toolResult: Walk = (walk, value) => walk.toolResult(value);

/** Where the texts of each payload are. Headers and the names of what is asked for are none. */
const places: { readonly [H in HookName]?: Readonly<Record<string, Walk>> } = {
  prompt_pre_fetch: { args: data },
  prompt_post_fetch: { result: promptResult },
  tool_pre_invoke: { args: data },
  tool_post_invoke: { result: toolResult },
  resource_pre_fetch: { uri },
  resource_post_fetch: { content: contents },
  agent_pre_invoke: { messages, system_prompt: data, parameters: data },
  agent_post_invoke: { messages, tool_calls: data },
};

/** The hooks whose payloads have texts. */
export const textHooks = Object.keys(places) as readonly (keyof typeof places)[];

/** The fields of an MCP content block that describe data: changed, they would break it. All others are text. */
const described: ReadonlyMap<unknown, readonly string[]> = new Map([
  ['text', ['type']],
  ['image', ['type', 'data', 'mimeType']],
  ['audio', ['type', 'data', 'mimeType']],
  ['resource', ['type', 'mimeType']],
  ['resource_link', ['type', 'mimeType']],
  ['tool_use', ['type', 'id', 'name']],
  ['tool_result', ['type', 'toolUseId']],
]);

/** How deep JSON in a text of JSON is read. */
const jsonLevels = 4;

class TextWalk implements Place {
  readonly #visit: Visit;
  readonly #options: TextOptions;
  readonly #path: (string | number)[] = [];
  readonly #place: Place = this;
  /** Within JSON in a text: the name there. */
  #nameInJson: string | undefined;

  constructor(visit: Visit, options: TextOptions) {
    this.#visit = visit;
    this.#options = options;
  }

  pointer(): string {
    return pointerOf(this.#path);
  }

  get name(): string | undefined {
    return this.#nameInJson ?? this.#path.findLast((part) => typeof part === 'string');
  }

  /** Every text at any depth. */
  data(value: unknown): unknown {
    if (typeof value === 'string') return this.#text(value);
    if (typeof value === 'number') return this.#number(value);
    if (Array.isArray(value)) return this.list(value, (item) => this.data(item));
    return isJsonObject(value) ? this.#map(value, (field) => this.data(field), this.#options.keys) : value;
  }

  /** A content block or a list of them; what is neither is data. */
  content(value: unknown): unknown {
    if (Array.isArray(value)) return this.list(value, (item) => this.content(item));
    const kept = isJsonObject(value) ? described.get(value['type']) : undefined;
    if (kept === undefined || !isJsonObject(value)) return this.data(value);
    const { type } = value;
    return this.#map(value, (field, name) => {
      if (name === 'data' && String(value['mimeType']).startsWith('image/svg')) return this.#blob(field);
      if (kept.includes(name)) return field;
      if (name === 'uri' && type === 'resource_link') return this.uri(field);
      if (type === 'resource' && (name === 'resource' || name === 'uri' || name === 'blob'))
        return name === 'resource' ? this.contents(field) : this.#inContents(field, name);
      return type === 'tool_result' && name === 'content' ? this.content(field) : this.data(field);
    });
  }

  /** The contents of a resource, or a list of them. */
  contents(value: unknown): unknown {
    if (Array.isArray(value)) return this.list(value, (item) => this.contents(item));
    if (!isJsonObject(value)) return this.data(value);
    if (Array.isArray(value['contents'])) return this.within(value, { contents });
    return this.#map(value, (field, name) => this.#inContents(field, name));
  }

  #inContents(field: unknown, name: string): unknown {
    if (name === 'uri') return this.uri(field);
    if (name === 'blob') return this.#blob(field);
    return name === 'type' || name === 'mimeType' || name === 'mime_type' ? field : this.data(field);
  }

  /** A tool result: its content blocks as such, everything else as data. */
  toolResult(value: unknown): unknown {
    if (!isJsonObject(value) || !Array.isArray(value['content'])) return this.content(value);
    return this.#map(value, (field, name) => (name === 'content' ? this.content(field) : this.data(field)));
  }

  message(value: unknown): unknown {
    return typeof value === 'string' ? this.#text(value) : this.within(value, { content });
  }

  uri(value: unknown): unknown {
    return this.#options.uris && typeof value === 'string' ? this.#text(value) : value;
  }

  within(value: unknown, walks: Readonly<Record<string, Walk>>): unknown {
    return isJsonObject(value) ? this.fields(value, walks) : value;
  }

  fields(value: Record<string, unknown>, walks: Readonly<Record<string, Walk>>): unknown {
    return this.#map(value, (field, name) =>
      Object.hasOwn(walks, name) ? (walks[name] as Walk)(this, field) : field,
    );
  }

  list(value: unknown, change: (item: unknown) => unknown): unknown {
    if (!Array.isArray(value)) return value;
    let changed: unknown[] | undefined;
    for (let i = 0; i < value.length; i += 1) {
      this.#path.push(i);
      const item = change(value[i]);
      this.#path.pop();
      if (item === value[i]) continue;
      changed ??= [...value];
      changed[i] = item;
    }
    return changed ?? value;
  }

  #map(
    value: Record<string, unknown>,
    change: (field: unknown, name: string) => unknown,
    keys = false,
  ): Record<string, unknown> {
    const names = Object.keys(value);
    let changed: [string, unknown][] | undefined;
    for (const [i, name] of names.entries()) {
      // The name that is told is the changed one: what is found in a name is not to stand in a pointer.
      const visited = keys ? this.#visit(name, this.#place) : name;
      this.#path.push(visited);
      const field = change(value[name], name);
      this.#path.pop();
      if (changed === undefined && (field !== value[name] || visited !== name))
        changed = names.slice(0, i).map((before) => [before, value[before]]);
      changed?.push([visited, field]);
    }
    // Not assignments: `__proto__` is a key like any other in JSON.
    return changed === undefined ? value : Object.fromEntries(apart(changed));
  }

  #number(value: number): unknown {
    const { numbersFrom } = this.#options;
    if (numbersFrom === undefined || !Number.isInteger(value)) return value;
    const text = String(value);
    return text.length < numbersFrom || text.includes('e') ? value : this.#changed(text, value);
  }

  /** What a text that stands for another value becomes: that value, where it is not changed. */
  #changed<T>(text: string, value: T): T | string {
    const visited = this.#visit(text, this.#place);
    return visited === text ? value : visited;
  }

  #blob(value: unknown): unknown {
    if (!this.#options.blobs || typeof value !== 'string') return value;
    const bytes = Buffer.from(value, 'base64');
    if (!isUtf8(bytes)) return value;
    const text = bytes.toString('utf8');
    const visited = this.#text(text);
    return visited === text ? value : Buffer.from(visited, 'utf8').toString('base64');
  }

  #text(text: string, levels = jsonLevels): string {
    const { json } = this.#options;
    const read = levels > 0 && json !== undefined && looksLikeJson(text) && json(text);
    return (read ? this.#inJson(text, levels - 1) : undefined) ?? this.#visit(text, this.#place);
  }

  #inJson(text: string, levels: number): string | undefined {
    const { keys, numbersFrom } = this.#options;
    const before = this.#nameInJson;
    const visit = (inner: string, name: string | undefined) => {
      this.#nameInJson = name ?? before;
      return inner;
    };
    const mapped = mapJsonText(text, {
      string: (inner, name) => this.#text(visit(inner, name), levels),
      key: keys ? (inner) => this.#visit(visit(inner, undefined), this.#place) : undefined,
      number: (inner, name) => this.#visit(visit(inner, name), this.#place),
      numbersFrom,
    });
    this.#nameInJson = before;
    return mapped;
  }
}

const looksLikeJson = (text: string): boolean =>
  /^\s{0,100}[[{]/.test(text) && /[\]}]\s{0,100}$/.test(text.slice(-101));

/** Entries whose names are told apart, where a change has made two the same. */
function apart(entries: [string, unknown][]): [string, unknown][] {
  const taken = new Set<string>();
  const next = new Map<string, number>();
  return entries.map(([name, field]) => {
    let free = name;
    for (let n = next.get(name) ?? 2; taken.has(free); n += 1) {
      free = `${name} (${n})`;
      next.set(name, n + 1);
    }
    taken.add(free);
    return [free, field];
  });
}

function pointerOf(path: readonly (string | number)[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
