import { FileUnreadable, type SallyError } from '../errors.js';
import { defaultDir, type LeafTarget, layoutOf, pluginFolders, type Target } from './folder.js';
import {
  type Finding,
  type JudgeContext,
  judgeCa,
  judgeLeaf,
  type Verdict,
  verdicts,
  worstFirst,
} from './judge.js';
import { type FolderState, isEmpty, parseCertificate, readState, validityIn } from './state.js';
import { checkDays, daysLeft } from './validity.js';

export interface CheckOptions {
  /** Default `certs/mcp`. */
  readonly dir?: string;
  /** From how many days before its end a certificate "expires soon". Default 30. */
  readonly warnDays?: number;
  readonly now?: () => Date;
}

/** One folder as it was found. */
export interface CheckEntry {
  readonly role: 'ca' | 'gateway' | 'plugin';
  /** The plugin's name; of the others their role. */
  readonly name: string;
  /** The certificate's file. */
  readonly path: string;
  /** Absent where the certificate cannot be read. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Whole days until the end, negative once it has passed. */
  readonly daysLeft?: number;
  /** The worst of the findings, or `ok`. */
  readonly verdict: Verdict;
  /** What to do about it; absent where it is `ok`. */
  readonly remedy?: string;
  readonly findings: readonly Finding[];
}

export interface CheckReport {
  readonly dir: string;
  /** The CA, the gateway and the plugins, in this order. Empty: there are no certificates at all. */
  readonly entries: readonly CheckEntry[];
  /** 0 all is well; 1 something is expired, about to be, or readable by others; 3 something is broken or missing. */
  readonly status: 0 | 1 | 3;
}

/**
 * Looks at every certificate in a folder and judges it. Nothing is written, and no finding is an exception.
 *
 * @throws SALLY_FILE_UNREADABLE where `plugins/` itself cannot be listed; SALLY_CERT_DAYS.
 * @example
 * ```ts
 * import { checkCertificates } from 'sallyport/pki';
 *
 * const { entries, status } = await checkCertificates({ dir: 'certs/mcp', warnDays: 14 });
 * for (const { name, verdict, remedy } of entries) console.log(name, verdict, remedy ?? '');
 * process.exitCode = status;
 * ```
 */
export async function checkCertificates(options: CheckOptions = {}): Promise<CheckReport> {
  const dir = options.dir ?? defaultDir;
  const context = { dir, now: options.now?.() ?? new Date(), warnDays: checkDays(options.warnDays ?? 30, 0) };
  const plugins = await pluginFolders(dir);
  const targets: LeafTarget[] = [
    { role: 'gateway' },
    ...plugins.map((name) => ({ role: 'plugin' as const, name })),
  ];
  const leaves = await Promise.all(targets.map((target) => look(dir, target)));
  const ca = await look(dir, { role: 'ca' });
  const text = isReadable(ca) ? ca.cert?.text : undefined;
  // Beside an unreadable CA every leaf would look wrong: the CA's own finding says it all.
  const authority = text !== undefined && parseCertificate(text) ? text : undefined;
  const found = leaves.filter((leaf) => !isReadable(leaf) || !isEmpty(leaf));
  if (found.length === 0 && isReadable(ca) && isEmpty(ca)) return { dir, entries: [], status: 3 };
  const entries = [
    entryOf(ca, context, (state) => judgeCa(state, context)),
    ...found.map((leaf) => entryOf(leaf, context, (state) => judgeLeaf(state, authority, context))),
  ];
  return { dir, entries, status: worstStatus(entries.flatMap((entry) => entry.findings)) };
}

interface Unreadable<T extends Target> {
  readonly target: T;
  readonly error: SallyError;
}

async function look<T extends Target>(dir: string, target: T): Promise<FolderState<T> | Unreadable<T>> {
  try {
    return await readState(dir, target);
  } catch (error) {
    if (FileUnreadable.is(error)) return { target, error };
    throw error;
  }
}

function isReadable<T extends Target>(found: FolderState<T> | Unreadable<T>): found is FolderState<T> {
  return !('error' in found);
}

function entryOf<T extends Target>(
  found: FolderState<T> | Unreadable<T>,
  context: JudgeContext,
  judge: (state: FolderState<T>) => readonly Finding[],
): CheckEntry {
  const { target } = found;
  const path = layoutOf(context.dir, target).cert;
  const findings = isReadable(found)
    ? worstFirst(judge(found))
    : [{ verdict: 'unreadable' as const, path, detail: found.error.message, remedy: found.error.remedy }];
  const certificate = isReadable(found) && found.cert ? parseCertificate(found.cert.text) : undefined;
  const validity = certificate && validityIn(certificate);
  const [worst] = findings;
  return {
    role: target.role,
    name: target.role === 'plugin' ? target.name : target.role,
    path,
    ...(validity ? { ...validity, daysLeft: daysLeft(validity.notAfter, context.now) } : {}),
    verdict: worst?.verdict ?? 'ok',
    ...(worst ? { remedy: worst.remedy } : {}),
    findings,
  };
}

function worstStatus(findings: readonly Finding[]): 0 | 1 | 3 {
  const statuses = findings.map((finding) => verdicts[finding.verdict].exit);
  if (statuses.includes(3)) return 3;
  return statuses.includes(1) ? 1 : 0;
}
