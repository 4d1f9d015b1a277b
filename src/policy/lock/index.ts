/**
 * The lock on tools: what upstreams may show clients, as a person has read it. A list is read, each entry is compared with the one
 * that was locked, and what differs is told, with what its texts would have a model do. Begin with `entry.ts`, which says what of an
 * entry counts.
 */
export {
  type Change,
  changeKey,
  changesBetween,
  fieldChanges,
} from './changes.js';
export {
  type LockedEntry,
  type LockKind,
  lockedEntry,
  lockKinds,
  lockWords,
  type Offered,
} from './entry.js';
export { parseToolsLock, type ToolsLock, writeToolsLock } from './file.js';
export { type Finding, inspect } from './inspect.js';
export { replaceHidden, visible } from './visible.js';
