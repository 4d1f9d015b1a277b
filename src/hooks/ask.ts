import { isJsonObject } from '../json/index.js';
import type { Violation } from './table.js';

/** The ways in which a person can be asked whether a call may go on. */
export const askWays = ['elicitation', 'page', 'webhook'] as const;
export type AskWay = (typeof askWays)[number];

/**
 * The member of a violation's `details` that makes a question of a block: a person may let the call go on. A gateway that does
 * not know it sees a block, and refuses.
 */
export const askKey = 'sallyport/ask';

/** What a violation asks for. */
export interface Ask {
  /** The ways of which one is enough, the first that can be used first; absent: those of the gateway. */
  readonly by?: readonly AskWay[];
}

/** What a violation asks for; undefined where it asks for nothing, or in a form that is not known: then it is a block. */
export function askOf(violation: Pick<Violation, 'details'> | null | undefined): Ask | undefined {
  const details = violation?.details;
  const ask = isJsonObject(details) && Object.hasOwn(details, askKey) ? details[askKey] : undefined;
  if (!isJsonObject(ask)) return undefined;
  const { by, ...others } = ask as Record<string, unknown>;
  if (Object.keys(others).length > 0) return undefined;
  if (by === undefined || by === null) return {};
  const known = Array.isArray(by) && by.length > 0 && by.every((way) => askWays.includes(way as AskWay));
  return known ? { by: [...new Set(by as AskWay[])] } : undefined;
}
