import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Authority, readAuthority } from './authority.js';
import { certifyLike, type KeyType, keyTypeOf } from './certificate.js';
import { type ChangeOptions, changing, leafNamed, readIssued, recordIssued } from './change.js';
import { keyOfRequest, leafFiles, leafValidity } from './ensure.js';
import { allDone, replaceEach, replaceTogether } from './files.js';
import {
  type FolderState,
  type LeafTarget,
  profileOf,
  readState,
  type Settings,
  settingsOf,
  targetName,
} from './folder.js';
import { judgeLeaf, keepsWeakKey, replaceCa, type Trust, trustIn } from './judge.js';
import { issuerIn, normalSerial } from './pem.js';
import {
  type DuePolicy,
  dayMs,
  defaultDays,
  defaultDue,
  dueAt,
  opensslDate,
  type Validity,
  validityIn,
} from './validity.js';
import { noteOf, type Verdict } from './verdicts.js';

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
  /** It ends with its CA, and before it should: the CA is to be replaced, as the notes say. */
  readonly endsWithCa?: true;
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
    // Whether anything is due can be told without the key, which may be kept elsewhere.
    const plans = [...new Set(chosen)].map((leaf) => ({
      leaf,
      plan: planFor(leaf, trustIn(ca), settings, options),
    }));
    const authority = plans.some(({ plan }) => plan.kind === 'renew')
      ? await readAuthority(settings)
      : undefined;
    return allDone(plans.map(({ leaf, plan }) => carryOut(leaf, plan, authority, settings, options)));
  });
}

type Plan =
  | { readonly kind: 'renew'; readonly leaf: Renewable }
  | { readonly kind: 'keep' | 'fail'; readonly notes: readonly string[]; readonly endsWithCa?: true };

/** What cannot be renewed as it is: whose certificate it is, or what for, is not known for sure. */
const fatal: ReadonlySet<Verdict> = new Set(['not issued by this CA', 'wrong purpose']);
/** What a new certificate mends, whenever the old one ends. */
const mended: ReadonlySet<Verdict> = new Set([
  'key missing',
  'key mismatch',
  'wrong order',
  'client.pem differs',
]);

/** What to do about one leaf, from what is on disk. */
function planFor(
  leaf: FolderState<LeafTarget>,
  trust: Trust,
  settings: Settings,
  { due = defaultDue, force = false, names, days }: RenewOptions,
): Plan {
  const findings = judgeLeaf(leaf, trust, { ...settings, warnDays: 0 });
  const { certificate } = leaf;
  const obstacles = findings.filter(
    ({ verdict, path }) => fatal.has(verdict) || (!certificate && path === leaf.layout.cert),
  );
  if (!certificate || obstacles.length > 0) return { kind: 'fail', notes: obstacles.map(noteOf) };
  const renewable = { ...leaf, certificate };
  const revoked = findings.find(({ verdict }) => verdict === 'revoked');
  if (revoked && !(force && names)) return { kind: 'keep', notes: [noteOf(revoked)] };
  const mends = findings.some(
    ({ verdict, path }) =>
      mended.has(verdict) ||
      (verdict === 'weak' && !keepsWeakKey(leaf, certificate)) ||
      path === leaf.layout.request ||
      (verdict === 'unreadable' && path === leaf.layout.key),
  );
  if (force || mends) return { kind: 'renew', leaf: renewable };
  const validity = validityIn(certificate);
  if (settings.now < dueAt(validity, due)) return { kind: 'keep', notes: [] };
  const next = nextValidity(certificate, trust, settings, days);
  const { issuing: ca } = trust;
  const caEnds = ca && validityIn(ca).notAfter;
  if (caEnds && next.notAfter >= caEnds) {
    if (next.notAfter.getTime() - validity.notAfter.getTime() > 60_000)
      return { kind: 'renew', leaf: renewable };
    const replace = replaceCa(settings.dir, caEnds, settings);
    const note = `is due, but a new one would end with its CA as this one does: ${replace}`;
    return { kind: 'keep', notes: [note], endsWithCa: true };
  }
  // A daemon would renew it over and over.
  const dueAgain = dueAt(next, due) <= settings.now && settings.now < dueAt(validity, defaultDue);
  const note =
    'is due, but a new one would be due at once: ask for less time before its end, or for more --days';
  return dueAgain ? { kind: 'keep', notes: [note] } : { kind: 'renew', leaf: renewable };
}

async function carryOut(
  leaf: FolderState<LeafTarget>,
  plan: Plan,
  authority: Authority | undefined,
  settings: Settings,
  options: RenewOptions,
): Promise<RenewResult> {
  const { target, layout } = leaf;
  const subject = { role: target.role, name: targetName(target), folder: layout.folder };
  if (plan.kind === 'renew' && authority) {
    const { certificate, ...became } = await renewLeaf(plan.leaf, authority, settings, options);
    return { ...subject, outcome: 'renewed', ...summaryOf(certificate, options), ...became };
  }
  const { kind, ...told } = plan.kind === 'renew' ? ({ kind: 'keep', notes: [] } as const) : plan;
  const outcome = kind === 'fail' ? 'failed' : 'kept';
  return { ...subject, outcome, made: [], ...summaryOf(leaf.certificate, options), ...told };
}

function summaryOf(
  certificate: X509Certificate | undefined,
  { due = defaultDue }: RenewOptions,
): Pick<RenewResult, 'serial' | 'notBefore' | 'notAfter' | 'dueAt'> {
  if (!certificate) return {};
  const validity = validityIn(certificate);
  return { serial: normalSerial(certificate.serialNumber), ...validity, dueAt: dueAt(validity, due) };
}

/** A leaf with a certificate that can be read. */
export interface Renewable extends FolderState<LeafTarget> {
  readonly certificate: X509Certificate;
}

/** Where the key of the next certificate comes from. */
type NextKey =
  | { readonly kind: 'new'; readonly pem: string }
  /** It stays: it is kept elsewhere, or encrypted with a password that is not known here. */
  | { readonly kind: 'kept'; readonly publicKey: KeyObject; readonly note: string };

/**
 * The folder's certificate anew, from the CA that issues now: same names and purposes, another key.
 *
 * @returns the new certificate, what changed, and what to tell of it.
 */
export async function renewLeaf(
  leaf: Renewable,
  authority: Authority,
  settings: Settings,
  options: ChangeOptions,
): Promise<Pick<RenewResult, 'made' | 'notes' | 'endsWithCa'> & { readonly certificate: X509Certificate }> {
  const { layout, target, certificate: old } = leaf;
  const next = await nextKey(leaf, settings, options.keyType);
  const publicKey = next.kind === 'new' ? createPublicKey(next.pem) : next.publicKey;
  const { days, shortened, ...validity } = nextValidity(old, authority, settings, options.days);
  const { purpose, sans } = profileOf(target, settings.trustDomain);
  const asNew = { ...validity, ca: authority.ca, purposes: [purpose], sans };
  const certPem = await certifyLike(old, publicKey, asNew);
  const certificate = new X509Certificate(certPem);
  await record(settings.dir, targetName(target), [old, certificate], authority);
  const keyPem = next.kind === 'new' ? next.pem : leaf.key?.text;
  const files = leafFiles(layout, certPem, keyPem).filter(
    ({ path }) => next.kind === 'new' || path !== layout.key,
  );
  await (files.length === 1 ? replaceEach : replaceTogether)(files, options.onChange);
  const made = files.map(({ path }) => path);
  const notes = next.kind === 'kept' ? [next.note] : [];
  if (!shortened) return { certificate, made, notes };
  const ends = `ends with its CA on ${opensslDate(validity.notAfter)}, before the ${days} days are over`;
  const replace = replaceCa(settings.dir, validity.notAfter, settings);
  return { certificate, made, endsWithCa: true, notes: [...notes, `${ends}: ${replace}`] };
}

async function nextKey(leaf: Renewable, settings: Settings, asked: KeyType | undefined): Promise<NextKey> {
  const { key, keyContent, request, certificate } = leaf;
  if (!key && request) {
    const note = `for the same key, which is kept elsewhere (${request.path})`;
    return { kind: 'kept', publicKey: keyOfRequest(request), note };
  }
  const { publicKey } = certificate;
  if (key && keyContent?.kind === 'encrypted') {
    const note = `for the same key: ${key.path} is encrypted, and its password not known here`;
    return { kind: 'kept', publicKey, note };
  }
  return { kind: 'new', pem: await settings.newKey(asked ?? keyTypeOf(publicKey)) };
}

/**
 * From now on for as long as the old certificate was made for; but one that was made in the life of its CA and ended with
 * it was cut short, and says nothing of how long it should live.
 */
function nextValidity(
  certificate: X509Certificate,
  { bundle, issuing }: Trust,
  settings: Settings,
  asked: number | undefined,
) {
  const issuer = issuerIn(bundle, certificate);
  const ca = issuer && validityIn(issuer);
  const old = validityIn(certificate);
  const cut =
    ca !== undefined &&
    ca.notAfter.getTime() - old.notAfter.getTime() < dayMs &&
    old.notBefore.getTime() - ca.notBefore.getTime() > dayMs;
  const days = asked ?? (cut ? defaultDays : lifeInDays(old));
  return { days, ...leafValidity(issuing, { ...settings, days }) };
}

export const lifeInDays = ({ notBefore, notAfter }: Validity): number =>
  Math.min(Math.max(Math.round((notAfter.getTime() - notBefore.getTime()) / dayMs), 1), 36_500);

/** The old one too: it may have been made by a version that kept no list. */
async function record(
  dir: string,
  name: string,
  certificates: readonly X509Certificate[],
  { bundle }: Authority,
): Promise<void> {
  const known = new Set((await readIssued(dir)).map(({ serial }) => serial));
  for (const certificate of certificates) {
    // A new one's issuer is in the bundle in any case; an old one of no CA here needs no place in the list.
    const issuer = issuerIn(bundle, certificate);
    if (issuer && !known.has(normalSerial(certificate.serialNumber)))
      await recordIssued(dir, name, certificate, issuer);
  }
}
