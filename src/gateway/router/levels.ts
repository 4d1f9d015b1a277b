/** Severities of `notifications/message`, the most verbose first (RFC 5424 section 6.2.1). */
const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

export type Level = (typeof levels)[number];

export function isLevel(value: unknown): value is Level {
  return (levels as readonly unknown[]).includes(value);
}

/** The most verbose of several: what an upstream that several clients share is told. */
export function mostVerbose(wanted: Iterable<Level>): Level | undefined {
  const all = new Set(wanted);
  return levels.find((level) => all.has(level));
}

/** Whether a message of this level is for a client that asked for `wanted` and more severe ones. */
export function isWanted(level: unknown, wanted: Level): boolean {
  return !isLevel(level) || levels.indexOf(level) >= levels.indexOf(wanted);
}
