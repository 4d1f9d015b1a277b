import { createHash } from 'node:crypto';
import { isJsonObject, writeJson } from '../../json/index.js';

type JsonObject = Record<string, unknown>;

/** What is locked: the four lists of MCP, and the instructions of the server. The words are those of a lock file. */
export const lockKinds = ['instructions', 'tools', 'prompts', 'templates', 'resources'] as const;
export type LockKind = (typeof lockKinds)[number];

/** How one entry of each kind is called, and which of its members names it. */
export const lockWords = {
  instructions: { what: 'instructions', key: undefined },
  tools: { what: 'tool', key: 'name' },
  prompts: { what: 'prompt', key: 'name' },
  templates: { what: 'resource template', key: 'uriTemplate' },
  resources: { what: 'resource', key: 'uri' },
} as const satisfies Record<LockKind, { what: string; key: string | undefined }>;

/** One entry as it was locked, or is offered: whole, but for what `counted` leaves out. */
export interface LockedEntry {
  /** SHA-256 of its canonical JSON, in hexadecimal. */
  readonly sha256: string;
  readonly entry: JsonObject;
}

/** What one upstream offers, or may offer: by kind and name. Instructions have the name ''. */
export type Offered = ReadonlyMap<LockKind, ReadonlyMap<string, LockedEntry>>;

/**
 * What of an entry is locked: all that a client is shown of it, for whatever is not would be a way around. Of a resource two
 * members are left out, which change with what is in it: `size`, and `lastModified` of its annotations.
 */
function counted(kind: LockKind, entry: JsonObject): JsonObject {
  if (kind !== 'resources') return entry;
  const { size, annotations, ...rest } = entry;
  if (!isJsonObject(annotations)) return annotations === undefined ? rest : { ...rest, annotations };
  const { lastModified, ...others } = annotations;
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others };
}

export function lockedEntry(kind: LockKind, entry: JsonObject): LockedEntry {
  const whole = counted(kind, entry);
  return { sha256: digestOf(whole), entry: whole };
}

/** SHA-256 of the canonical JSON of a value. */
export function digestOf(value: unknown): string {
  return createHash('sha256')
    .update(writeJson(sorted(value)))
    .digest('hex');
}

/**
 * The value with the keys of its objects in the order of their code units, as RFC 8785 sorts them. Numbers stay as they were
 * written: 1.0 and 1 are two texts, and a client is shown the one that came.
 */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  // Not an assignment: `__proto__` is a key like any other in JSON.
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}
