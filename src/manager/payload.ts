import { messageOf, PayloadInvalid, PayloadTooLarge } from '../errors.js';
import { readPayload } from '../hooks/index.js';
import { beyondLimits, writeJson } from '../json/index.js';

/** Payloads above this are refused before any plugin sees them (a rule of the contract), in bytes of JSON. */
export const maxPayloadBytes = 1_000_000;

/**
 * A payload that no plugin could read is the caller's mistake, whatever the modes say. Answers its JSON: written to be
 * measured, and then sent as it was measured.
 */
export function checkPayload(hook: string, payload: unknown): string | undefined {
  const read = readPayload(hook, payload);
  if (!read.ok) throw PayloadInvalid({ hook, problems: read.problems });
  const json = toJson(hook, payload);
  // What came from a client was within the limits; a program that calls by itself has other ways to make values.
  const beyond = beyondLimits(payload);
  if (beyond !== undefined) throw PayloadInvalid({ hook, problems: [beyond] });
  // No character has more than three bytes per unit of a string's length.
  const bytes = json.length * 3 <= maxPayloadBytes ? 0 : Buffer.byteLength(json);
  if (bytes > maxPayloadBytes) throw PayloadTooLarge({ hook, bytes, limit: maxPayloadBytes });
  return json || undefined;
}

function toJson(hook: string, payload: unknown): string {
  try {
    return writeJson(payload);
  } catch (error) {
    throw PayloadInvalid({ hook, problems: [messageOf(error)] }, error);
  }
}
