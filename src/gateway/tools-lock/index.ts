/**
 * The lock on tools, as a gateway and `sallyport tools` have it: `files.ts` reads and writes the file, `offered.ts` reads what upstreams
 * offer, and `watch.ts` says of each entry that is listed whether clients are shown it.
 */
export { changeToolsLock, keepShown, readShown, readToolsLock } from './files.js';
export { judgeAll, readOffered } from './offered.js';
export { type LockWatch, type WatchDeps, type Withheld, watchTools } from './watch.js';
