import type { PluginEntry } from '../config/index.js';
import { PluginContentTooLarge } from '../errors.js';
import { type HookOutcome, hookRow } from '../hooks/index.js';
import { isJsonObject, writeJson } from '../json/index.js';

/** What a plugin wants of payloads, where that is not all of every payload. */
export interface ContentWanted {
  /** The largest payload that it takes, in bytes of JSON. */
  readonly maxBytes: number;
  /** Whether it sees results without their content. */
  readonly noContent: boolean;
}

/** What an entry says that its plugin wants; undefined where that is everything. */
export function contentWanted({ max_content_size, result_content }: PluginEntry): ContentWanted | undefined {
  const noContent = result_content === 'none';
  if (max_content_size === undefined && !noContent) return undefined;
  return { maxBytes: max_content_size ?? Number.POSITIVE_INFINITY, noContent };
}

/** Whether a plugin is to see all of a payload of this hook, also one of more than `bytes`. */
export function wantsWhole(wanted: ContentWanted | undefined, hook: string, bytes: number): boolean {
  if (wanted === undefined) return true;
  return wanted.maxBytes > bytes && !(wanted.noContent && hookRow(hook)?.content !== undefined);
}

/** A payload, and its JSON where somebody had to write it. */
interface Written {
  readonly payload: unknown;
  readonly payloadJson: string | undefined;
}

/**
 * What a plugin sees of a payload.
 *
 * @throws SALLY_PLUGIN_CONTENT_SIZE where that is more than it takes.
 */
export function seenBy(plugin: string, hook: string, whole: Written, wanted: ContentWanted): Written {
  const payload = wanted.noContent ? withoutContent(hook, whole.payload) : whole.payload;
  const { maxBytes: limit } = wanted;
  let payloadJson = payload === whole.payload ? whole.payloadJson : undefined;
  if (limit === Number.POSITIVE_INFINITY) return { payload, payloadJson };
  payloadJson ??= writeJson(payload);
  const bytes = Buffer.byteLength(payloadJson);
  if (bytes > limit) throw PluginContentTooLarge({ plugin, hook, bytes, limit });
  return { payload, payloadJson };
}

/** A list becomes empty, for peers that want one; anything else is left out. */
function withoutContent(hook: string, payload: unknown): unknown {
  const content = hookRow(hook)?.content;
  const result = content && isJsonObject(payload) ? payload[content.within] : undefined;
  if (content === undefined || !isJsonObject(payload) || result === undefined) return payload;
  // Peers give what is no object, such as a plain text: then all of it is content.
  if (!isJsonObject(result)) return { ...payload, [content.within]: null };
  const kept = Object.entries(result).flatMap(([name, value]) => {
    if (!content.fields.includes(name)) return [[name, value]];
    return Array.isArray(value) ? [[name, []]] : [];
  });
  return { ...payload, [content.within]: Object.fromEntries(kept) };
}

/**
 * An outcome of a plugin that has seen `seen` of a payload: what it has not seen is in it as it was, unless it has put content
 * of its own in the place.
 */
export function withUnseen(hook: string, whole: unknown, seen: unknown, outcome: HookOutcome): HookOutcome {
  const content = hookRow(hook)?.content;
  const { modified_payload: made } = outcome.result;
  if (whole === seen || content === undefined || !isJsonObject(made) || !isJsonObject(whole)) return outcome;
  const [before, after] = [whole[content.within], made[content.within]];
  let result: unknown = after;
  if (isJsonObject(before) && isJsonObject(after)) {
    if (content.fields.some((name) => isGiven(after[name]))) return outcome;
    const ofContent = ([name]: readonly [string, unknown]) => content.fields.includes(name);
    result = Object.fromEntries([
      ...Object.entries(after).filter((field) => !ofContent(field)),
      ...Object.entries(before).filter(ofContent),
    ]);
  } else if (!isJsonObject(before) && after === null) result = before;
  const modified_payload = { ...made, [content.within]: result };
  return { ...outcome, result: { ...outcome.result, modified_payload } };
}

const isGiven = (value: unknown): boolean =>
  value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0);
