/** Revisions with `initialize` and sessions, the newest first. */
export const legacyRevisions: readonly string[] = ['2025-11-25', '2025-06-18', '2025-03-26'];

/** Revisions without: every request says who it is from. */
export const modernRevisions: readonly string[] = ['2026-07-28'];

const firstModern = '2026-07-28';

/** Revisions are dates, so their order is that of texts. Anything else is no revision of either era. */
export function isModern(revision: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(revision) && revision >= firstModern;
}

/** What `initialize` is answered with: the revision asked for where it is served, otherwise the newest. */
export function negotiate(asked: string): string {
  return legacyRevisions.includes(asked) ? asked : (legacyRevisions[0] ?? asked);
}

/** From here on clients know an event that has an id and no data (SEP-1699). */
export function primesStreams(revision: string): boolean {
  return revision >= '2025-11-25';
}
