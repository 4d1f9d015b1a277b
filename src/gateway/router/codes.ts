import type { Era } from '../rpc.js';

/** Codes of the specification whose meaning hangs on the era or on the hop. */
export const codes = {
  resourceNotFound: -32002,
  invalidParams: -32602,
  headerMismatch: -32020,
  missingCapability: -32021,
  unsupportedVersion: -32022,
} as const;

/** The code for a resource that is not there. */
export function notFoundCode(era: Era): number {
  return era === 'modern' ? codes.invalidParams : codes.resourceNotFound;
}
