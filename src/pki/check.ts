import { type SallyError, shellWord } from '../errors.js';
import { type Authorities, isEncrypted, readAuthorities } from './authority.js';
import { readIssued } from './change.js';
import {
  certsCommandLine,
  defaultDir,
  type FolderState,
  isEmpty,
  type LeafTarget,
  layoutOf,
  leafTargets,
  readState,
  remakeCommand,
  stateOf,
  type Target,
  targetName,
} from './folder.js';
import { judgeCa, judgeLeaf, trustIn } from './judge.js';
import { certificatesIn, issuerIn } from './pem.js';
import { type CrlSummary, readCrls } from './revoke.js';
import { phaseOf } from './rotate-state.js';
import { checkDays, daysLeft, validityIn } from './validity.js';
import { type Finding, finding, type Verdict, verdicts, worstFirst } from './verdicts.js';

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
  /** The CAs' lists of the revoked; absent where there is no `ca/ca.crl`. */
  readonly crls?: readonly CrlSummary[];
  /** The CA itself is not here: what is said of it is said of the copy beside a leaf. Absent where it is. */
  readonly caElsewhere?: true;
  /** What is not wrong, and worth a word all the same. */
  readonly notes: readonly string[];
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
  const asked = { dir, now: options.now?.() ?? new Date(), warnDays: checkDays(options.warnDays ?? 30, 0) };
  const leaves = await Promise.all((await leafTargets(dir)).map((target) => look(dir, target)));
  const found = leaves.filter(({ unreadable, state }) => unreadable.length > 0 || !isEmpty(state));
  const here = await look(dir, { role: 'ca' });
  const isReadable = here.unreadable.length === 0;
  const isAway = isReadable && isEmpty(here.state);
  if (found.length === 0 && isAway) return { dir, entries: [], notes: [], status: 3 };
  // Where the list of what was issued is, the CA has been: there its folder is missing.
  const elsewhere =
    isAway && (await readIssued(dir)).length === 0
      ? caInCopies(
          dir,
          found.map(({ state }) => state),
        )
      : undefined;
  const ca = elsewhere ? { state: elsewhere, unreadable: [] } : here;
  // Beside an unreadable CA every leaf would look wrong: the CA's own finding says it all.
  const trust = ca.state.certificate && trustIn(ca.state, ca.state.layout.cert);
  const authorities = isReadable ? await readAuthorities(dir) : undefined;
  const rotating = authorities !== undefined && phaseOf(authorities) !== 'none';
  const context = { ...asked, rotating };
  const entry = (looked: Looked<Target>, findings: readonly Finding[]) => {
    const { target } = looked.state;
    const there = elsewhere ? findings.map((one) => remediedThere(one, target)) : findings;
    return entryOf(looked, there, context.now);
  };
  const entries = [
    entry(ca, judgeCa(ca.state, context, found.length > 0)),
    ...found.map((leaf) => entry(leaf, judgeLeaf(leaf.state, trust, context))),
  ];
  const crls = isReadable ? await readCrls(dir) : undefined;
  return {
    dir,
    entries,
    ...(crls ? { crls } : {}),
    ...(elsewhere ? { caElsewhere: true } : {}),
    notes: [
      ...(elsewhere ? [noteOnCaElsewhere(dir)] : []),
      ...(authorities ? notesOn(dir, authorities, rotating, found.length > 0) : []),
    ],
    status: worstStatus(entries.flatMap(({ findings }) => findings)),
  };
}

/** Which server reads which file is not known here; that a key is in the tree that all of them read is. */
function notesOn(
  dir: string,
  { state, next, previous }: Authorities,
  rotating: boolean,
  hasLeaves: boolean,
): readonly string[] {
  const files = [state.key, next.key, previous.key].filter((file) => !isEncrypted(file));
  const keys = files.flatMap((file) => file?.path ?? []);
  const status = `the CA is being replaced: ${certsCommandLine(dir, 'ca-rotate', 'status')}`;
  const who = `whoever reads ${keys.map(shellWord).join(' or ')} can make a gateway and any plugin`;
  return [
    ...(rotating ? [status] : []),
    ...(keys.length === 0 || !hasLeaves
      ? []
      : [
          `${who}, and no server needs it: on a machine that runs one, move it away until the next certificate is to be made`,
        ]),
  ];
}

/** A folder as far as it can be read. */
interface Looked<T extends Target> {
  readonly state: FolderState<T>;
  readonly unreadable: readonly SallyError[];
}

async function look<T extends Target>(dir: string, target: T): Promise<Looked<T>> {
  const unreadable: SallyError[] = [];
  return { state: await readState(dir, target, unreadable), unreadable };
}

function entryOf(
  { state: { target, layout, certificate }, unreadable }: Looked<Target>,
  judged: readonly Finding[],
  now: Date,
): CheckEntry {
  const closed = unreadable.map(({ context, message, remedy }) =>
    finding('unreadable', String((context as { path?: string }).path), message, remedy),
  );
  // Of a file that cannot be read there is no more to say: it looked as if it were not there.
  const rest = judged.filter(({ path }) => !closed.some((other) => other.path === path));
  const findings = worstFirst([...closed, ...rest]);
  const validity = certificate && validityIn(certificate);
  const [worst] = findings;
  return {
    role: target.role,
    name: targetName(target),
    path: layout.cert,
    ...(validity ? { ...validity, daysLeft: daysLeft(validity.notAfter, now) } : {}),
    verdict: worst?.verdict ?? 'ok',
    ...(worst ? { remedy: worst.remedy } : {}),
    findings,
  };
}

function worstStatus(findings: readonly Finding[]): 0 | 1 | 3 {
  const statuses = findings.map(({ verdict }) => verdicts[verdict].exit);
  if (statuses.includes(3)) return 3;
  return statuses.includes(1) ? 1 : 0;
}

/**
 * The CA as a host sees it that has only its own folders, which is how it should be: the copy of its certificate beside
 * a leaf that it issued. Undefined where no leaf has one.
 */
function caInCopies(dir: string, leaves: readonly FolderState<LeafTarget>[]): FolderState | undefined {
  const target = { role: 'ca' } as const;
  for (const { certificate, caCopy, crl } of leaves) {
    if (!certificate || !caCopy || !issuerIn(certificatesIn(caCopy.text), certificate)) continue;
    return stateOf(target, { ...layoutOf(dir, target), cert: caCopy.path }, { cert: caCopy, crl });
  }
  return undefined;
}

/** What `certs check` says where the CA is elsewhere. */
function noteOnCaElsewhere(dir: string): string {
  return `the CA is elsewhere: certificates are renewed, revoked and replaced there, and the folders of this host are copied from there; if that CA is lost, to start anew: ${remakeCommand(dir, { role: 'ca' })}`;
}

/** A finding on such a host: a command here that makes what is missing would begin a second CA, which nobody trusts. */
function remediedThere(found: Finding, target: Target): Finding {
  const { verdict } = found;
  if (verdict === 'key readable by others') return found;
  // Where the folders are on that host is not known here.
  const command =
    target.role === 'ca'
      ? 'sallyport certs check'
      : verdict === 'ca.crl differs'
        ? 'sallyport certs crl'
        : `sallyport certs renew ${shellWord(targetName(target))} --force`;
  const remedy = `copy this host's folder again from where the CA is; if it is no better there: ${command}`;
  return { ...found, remedy };
}
