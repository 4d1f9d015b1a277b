import { type Check, type Finding, fail, type Group, groups, type Status, stages } from './check.js';
import { configurationChecks, serverChecks } from './checks/configuration.js';
import { callCheck, contractChecks } from './checks/contract.js';
import { credentialChecks } from './checks/credentials.js';
import { folderChecks } from './checks/folder.js';
import { handshakeChecks } from './checks/handshake.js';
import { pairChecks } from './checks/pair.js';
import { reachabilityChecks } from './checks/reachability.js';
import type { Facts } from './facts.js';

/** Every check. Within a group they run, and are printed, in this order. */
export const checks: readonly Check[] = [
  ...configurationChecks,
  ...folderChecks,
  ...credentialChecks,
  ...pairChecks,
  ...reachabilityChecks,
  ...serverChecks,
  ...handshakeChecks,
  ...contractChecks,
];

/** One check of one thing, as it is reported. */
export interface Result {
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  readonly status: Status;
  readonly looked_at: string;
  readonly seen: string;
  readonly code?: string;
  readonly cause?: string;
  readonly remedy?: string;
  /** The check whose failure this one follows from: it is no cause of its own. */
  readonly follows?: string;
}

/** Everything that was seen, and what to begin with. */
export interface Diagnosis {
  readonly results: readonly Result[];
  readonly counts: Readonly<Record<Status, number>>;
  /** Failures that follow from no other. */
  readonly causes: readonly Result[];
}

interface Row {
  readonly check: Check;
  readonly facts: Facts;
  readonly finding: Finding;
}

/** Holds every check of the table against all facts of its kind. A function of values. */
export function diagnose(facts: readonly Facts[]): Diagnosis {
  const rows = groups
    .flatMap((group) => checks.filter((one) => one.group === group))
    .flatMap((check) =>
      facts
        .filter(({ kind }) => kind === check.about)
        .flatMap((one) => look(check, one).map((finding): Row => ({ check, facts: one, finding }))),
    );
  const failures = rows.filter(({ finding }) => finding.status === 'fail');
  const results = rows.map((row) => resultOf(row, failures));
  const count = (status: Status) => results.filter((result) => result.status === status).length;
  return {
    results,
    counts: { ok: count('ok'), warn: count('warn'), fail: count('fail'), skipped: count('skipped') },
    causes: results.filter(({ status, follows }) => status === 'fail' && follows === undefined),
  };
}

const ofCalls = new Set(checks.filter(({ about }) => about === 'endpoint').flatMap(({ codes }) => codes));

/** What a check sees. An error of a call that no check knows is told by the check of the call: a server is never well that cannot be called. */
function look(check: Check, facts: Facts): readonly Finding[] {
  const findings = check.look(facts as never);
  if (check.id !== callCheck || facts.kind !== 'endpoint') return findings;
  const unknown = facts.calls.find(({ code }) => !ofCalls.has(code));
  return unknown && findings.every(({ status }) => status === 'skipped') ? [fail(unknown)] : findings;
}

function resultOf(row: Row, failures: readonly Row[]): Result {
  const { check, facts, finding } = row;
  const { id, group, title } = check;
  const { status, seen, problem } = finding;
  const cause = status === 'fail' ? failures.find((other) => explains(other, row)) : undefined;
  return {
    id,
    group,
    title,
    status,
    looked_at: finding.lookedAt ?? facts.title,
    seen,
    ...(problem && { code: problem.code, cause: problem.message, remedy: problem.remedy }),
    ...(cause && { follows: cause.check.id }),
  };
}

/** Whether `later` would not have failed but for `earlier`. */
function explains(earlier: Row, later: Row): boolean {
  const keys = earlier.finding.keys ?? earlier.facts.keys;
  const rests = [...(later.finding.keys ?? later.facts.keys), ...later.facts.within];
  if (!keys.some((key) => rests.includes(key))) return false;
  const [before, after] = [earlier, later].map(({ check }) => stages.indexOf(check.stage));
  const code = later.finding.problem?.code ?? '';
  const { explains: what, about } = earlier.check;
  if (Number(before) < Number(after)) {
    if (what === 'all') return later.check.stage !== 'way';
    return what === 'everything' || (what?.includes(code) ?? false);
  }
  // One file, seen in its folder and by way of a configuration.
  return (
    before === after &&
    about === 'folder' &&
    later.check.about === 'credentials' &&
    earlier.finding.problem?.code === code
  );
}
