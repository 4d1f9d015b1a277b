/**
 * The page that shows what passes, and what it shows: names, numbers and verdicts, never what is said in a call. In each process
 * a collector watches, and `startReporting` tells the one console what it saw. Reading begins with `openConsole`.
 */
export { type ConsoleClient, findConsole, openLink } from './client.js';
export { type Collector, createCollector } from './collector.js';
export { type Console, type InForce, openConsole } from './console.js';
export type { ConsoleState, Decision } from './facts.js';
export { runtimeFolder } from './local.js';
export { type Report, startReporting } from './reporter.js';
export { firstView, otherLines, screenText, type View, viewAfter, wholeText } from './screen.js';
