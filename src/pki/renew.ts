import { type Authority, authorityIn, readAuthority } from './authority.js';
import { activeCa } from './bundle.js';
import { type ChangeOptions, changing, leafNamed } from './change.js';
import { type DuePolicy, defaultDue, dueAt } from './due.js';
import { certsCommandLine, type LeafTarget, targetName } from './folder.js';
import { serialOf } from './issued.js';
import type { Finding, Verdict } from './judge.js';
import { judgeLeaf } from './judge-leaf.js';
import { nextValidity, type Renewable, renewLeaf } from './renew-leaf.js';
import { type Settings, settingsOf } from './settings.js';
import { type FolderState, parseCertificate, readState, validityIn } from './state.js';
import { opensslDate, type Validity } from './validity.js';

export interface RenewOptions extends ChangeOptions {
  /** `gateway`, names of plugins, or paths of their folders. Absent: all that there are. */
  readonly names?: readonly string[];
  /** What counts as due. Default: less than a third of its life is left. */
  readonly due?: DuePolicy;
  /** Renew what is not due too. */
  readonly force?: boolean;
}

/** What became of one certificate. */
export interface RenewResult {
  readonly role: 'gateway' | 'plugin';
  /** The plugin's name, or `gateway`. */
  readonly name: string;
  readonly folder: string;
  /** `failed`: it cannot be renewed as it is, and the notes say why and what to do. */
  readonly outcome: 'renewed' | 'kept' | 'failed';
  /** Paths of the files that are new. */
  readonly made: readonly string[];
  /** Of the certificate that is there now. */
  readonly serial?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** When it is due next, by the policy that was given. */
  readonly dueAt?: Date;
  readonly notes: readonly string[];
}

/**
 * Renews the certificates that are due: same names, a new key of the same kind, from the CA that issues now, for
 * as long as the old one was made for (or `days`). A revoked one is renewed only where it is named and `force` is
 * set. A key that is kept elsewhere, or encrypted, stays.
 *
 * @throws SALLY_CERT_UNKNOWN, SALLY_CERTS_MISSING; SALLY_CA_UNUSABLE where something is due and the CA cannot issue;
 * SALLY_CERT_WRITE, SALLY_CERTS_BUSY.
 * @example
 * ```ts
 * import { parseExpiresIn, renewCertificates } from 'sallyport/pki';
 *
 * for (const { name, outcome, notAfter } of await renewCertificates({ due: parseExpiresIn('30d') }))
 *   console.log(name, outcome, notAfter?.toISOString());
 * ```
 */
export async function renewCertificates(options: RenewOptions = {}): Promise<readonly RenewResult[]> {
  const settings = settingsOf(options);
  return changing(settings.dir, async (leaves) => {
    const chosen = options.names?.map((name) => leafNamed(name, settings.dir, leaves)) ?? leaves;
    const ca = await readState(settings.dir, { role: 'ca' });
    const active = activeCa(ca);
    // Whether anything is due can be told without the key, which may be kept elsewhere.
    const trust = authorityIn(ca) ?? {
      bundle: ca.cert?.text ?? '',
      ca: { certPem: active ?? '', keyPem: '' },
      ...(ca.crl ? { crl: ca.crl.text } : {}),
    };
    const plans = [...new Set(chosen)].map((leaf) => ({
      leaf,
      plan: planFor(leaf, trust, settings, options),
    }));
    const authority = plans.some(({ plan }) => plan.kind === 'renew') ? await readAuthority(settings) : trust;
    const done = await Promise.allSettled(
      plans.map(({ leaf, plan }) => carryOut(leaf, plan, authority, settings, options)),
    );
    return done.map((outcome) => {
      if (outcome.status === 'rejected') throw outcome.reason;
      return outcome.value;
    });
  });
}

type Plan =
  | { readonly kind: 'renew'; readonly leaf: Renewable }
  | { readonly kind: 'keep' | 'fail'; readonly notes: readonly string[] };

/** What cannot be renewed as it is: whose certificate it is, or what for, is not known for sure. */
const fatal: ReadonlySet<Verdict> = new Set(['not issued by this CA', 'wrong purpose']);
/** What a new certificate mends, whenever the old one ends. */
const mended: ReadonlySet<Verdict> = new Set(['key missing', 'key mismatch', 'client.pem differs']);

const noteOf = ({ path, detail, remedy }: Finding): string => `${path} ${detail}: ${remedy}`;

/** What to do about one leaf, from what is on disk. */
function planFor(
  leaf: FolderState<LeafTarget>,
  trust: Authority,
  settings: Settings,
  { due = defaultDue, force = false, names, days }: RenewOptions,
): Plan {
  const findings = judgeLeaf(leaf, trust, { ...settings, warnDays: 0 });
  const certificate = leaf.cert && parseCertificate(leaf.cert.text);
  const obstacles = findings.filter(
    ({ verdict, path }) => fatal.has(verdict) || (!certificate && path === leaf.layout.cert),
  );
  if (!leaf.cert || !certificate || obstacles.length > 0)
    return { kind: 'fail', notes: obstacles.map(noteOf) };
  const renewable = { ...leaf, cert: leaf.cert };
  const revoked = findings.find(({ verdict }) => verdict === 'revoked');
  if (revoked && !(force && names)) return { kind: 'keep', notes: [noteOf(revoked)] };
  const mends = findings.some(
    ({ verdict, path }) =>
      mended.has(verdict) || path === leaf.layout.request || isBadKey(verdict, path, leaf),
  );
  if (force || mends) return { kind: 'renew', leaf: renewable };
  const validity = validityIn(certificate);
  if (settings.now < dueAt(validity, due)) return { kind: 'keep', notes: [] };
  const pointless = pointlessness(leaf.cert.text, validity, trust, settings, {
    due,
    ...(days ? { days } : {}),
  });
  return pointless === undefined ? { kind: 'renew', leaf: renewable } : { kind: 'keep', notes: [pointless] };
}

/** Why a new certificate would be no better than this one, if so: a daemon would renew it over and over. */
function pointlessness(
  certPem: string,
  old: Validity,
  trust: Authority,
  settings: Settings,
  { due = defaultDue, days }: Pick<RenewOptions, 'due' | 'days'>,
): string | undefined {
  const next = nextValidity(certPem, trust, settings, days);
  const ca = parseCertificate(trust.ca.certPem);
  if (ca && next.notAfter >= validityIn(ca).notAfter) {
    const gained = next.notAfter.getTime() - old.notAfter.getTime();
    const rotate = certsCommandLine(settings.dir, 'ca-rotate', 'prepare');
    return gained > 60_000
      ? undefined
      : `is due, but a new one would end with its CA as this one does: ${rotate}`;
  }
  const dueAgain = dueAt(next, due) <= settings.now && settings.now < dueAt(old, defaultDue);
  return dueAgain
    ? 'is due, but a new one would be due at once: ask for less time before its end, or for more --days'
    : undefined;
}

const isBadKey = (verdict: Verdict, path: string, { layout }: FolderState): boolean =>
  verdict === 'unreadable' && path === layout.key;

async function carryOut(
  leaf: FolderState<LeafTarget>,
  plan: Plan,
  authority: Authority,
  settings: Settings,
  options: RenewOptions,
): Promise<RenewResult> {
  const { target, layout } = leaf;
  const subject = { role: target.role, name: targetName(target), folder: layout.folder };
  if (plan.kind !== 'renew') {
    const outcome = plan.kind === 'keep' ? ('kept' as const) : ('failed' as const);
    return { ...subject, outcome, made: [], ...told(leaf.cert?.text, options), notes: plan.notes };
  }
  const { certPem, made, notes } = await renewLeaf(plan.leaf, authority, settings, options);
  const after = told(certPem, options);
  const wanted = options.days ?? 0;
  const cut =
    after.notAfter && after.notAfter.getTime() < settings.now.getTime() + (wanted - 1) * 86_400_000
      ? [`ends with its CA on ${opensslDate(after.notAfter)}, before the ${wanted} days are over`]
      : [];
  return { ...subject, outcome: 'renewed', made, ...after, notes: [...notes, ...cut] };
}

function told(
  certPem: string | undefined,
  { due = defaultDue }: RenewOptions,
): Pick<RenewResult, 'serial' | 'notBefore' | 'notAfter' | 'dueAt'> {
  const certificate = certPem === undefined ? undefined : parseCertificate(certPem);
  if (certPem === undefined || !certificate) return {};
  const validity = validityIn(certificate);
  return { serial: serialOf(certPem), ...validity, dueAt: dueAt(validity, due) };
}
