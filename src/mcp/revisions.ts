/** Both of MCP's lifecycles: with `initialize` and sessions (to 2025-11-25), and without (from 2026-07-28). */
export type Era = 'legacy' | 'modern';

/** The revision without sessions: every request says who it is from. */
export const modernRevision = '2026-07-28';
export const modernRevisions: readonly string[] = [modernRevision];

/** Revisions with `initialize` and sessions that clients are served, the newest first. 2025-03-26 is not one of them: its servers must take batches. */
export const legacyRevisions = ['2025-11-25', '2025-06-18'] as const;
export const latestLegacyRevision = legacyRevisions[0];

/** The only revision that has batches. */
export const batchRevision = '2025-03-26';

/** Those that servers may speak: what the older ones have more does not pass through. */
export const serverRevisions = [...legacyRevisions, batchRevision, '2024-11-05'] as const;

/** Whether a server may answer `initialize` with it. */
export const isServerRevision = (revision: unknown): boolean =>
  (serverRevisions as readonly unknown[]).includes(revision);

/** Revisions are dates, so their order is that of texts. Anything else is no revision of either era. */
export function isModern(revision: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(revision) && revision >= modernRevision;
}

/** The revision in the response to `initialize`: the one asked for where it is served, otherwise the newest. */
export function negotiate(asked: string, served: readonly string[] = legacyRevisions): string {
  return served.includes(asked) ? asked : (served[0] ?? latestLegacyRevision);
}

/** From here on clients know an event that has an id and no data (SEP-1699). */
export function primesStreams(revision: string): boolean {
  return revision >= '2025-11-25';
}
