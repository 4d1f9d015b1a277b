import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { FileUnreadable, RequestInvalid } from '../errors.js';
import { type Authority, authorityIn, readAuthority } from './authority.js';
import { activeCa, issuerIn } from './bundle.js';
import { certifyLike, type KeyType, keyTypeOf } from './certificate.js';
import {
  type ChangeOptions,
  changing,
  leafNamed,
  presentLeaves,
  readIssued,
  recordIssued,
  serialOf,
} from './change.js';
import { leafValidity } from './ensure.js';
import { type NewFile, readIfExists, replaceEach, replaceTogether } from './files.js';
import {
  certsCommandLine,
  defaultDir,
  type FolderState,
  type LeafTarget,
  leafTargets,
  parseCertificate,
  parseKey,
  readState,
  type Settings,
  settingsOf,
  targetName,
  validityIn,
} from './folder.js';
import { type Finding, judgeLeaf, keepsWeakKey, type Verdict } from './judge.js';
import { requestKey } from './request.js';
import {
  type DuePolicy,
  dayMs,
  defaultDays,
  defaultDue,
  dueAt,
  opensslDate,
  type Validity,
} from './validity.js';

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
      mended.has(verdict) ||
      (verdict === 'weak' && !keepsWeakKey(leaf, certificate)) ||
      path === leaf.layout.request ||
      isBadKey(verdict, path, leaf),
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

/** A leaf with a certificate that can be read. */
export interface Renewable extends FolderState<LeafTarget> {
  readonly cert: NonNullable<FolderState['cert']>;
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
): Promise<{ certPem: string; made: readonly string[]; notes: readonly string[] }> {
  const { layout, target, cert } = leaf;
  const next = await nextKey(leaf, settings, options.keyType);
  const publicKey = next.kind === 'new' ? createPublicKey(next.pem) : next.publicKey;
  const validity = nextValidity(cert.text, authority, settings, options.days);
  const certPem = await certifyLike(cert.text, publicKey, { ...validity, ca: authority.ca });
  await record(settings.dir, targetName(target), [cert.text, certPem], authority);
  const keyPem = next.kind === 'new' ? next.pem : leaf.key?.text;
  const files: NewFile[] = [
    ...(next.kind === 'new' ? [{ path: layout.key, mode: 0o600, text: next.pem }] : []),
    { path: layout.cert, mode: 0o644, text: certPem },
    ...(layout.pem !== undefined && keyPem !== undefined
      ? [{ path: layout.pem, mode: 0o600, text: `${certPem}${keyPem}` }]
      : []),
  ];
  if (files.length === 1) await replaceEach(files, options.onChange);
  else await replaceTogether(files, options.onChange);
  return { certPem, made: files.map(({ path }) => path), notes: next.kind === 'kept' ? [next.note] : [] };
}

async function nextKey(leaf: Renewable, settings: Settings, asked: KeyType | undefined): Promise<NextKey> {
  const { key, request, cert } = leaf;
  if (!key && request) {
    const publicKey = requestKey(request.text);
    if (!publicKey) throw RequestInvalid({ path: request.path, reason: 'it cannot be read' });
    return { kind: 'kept', publicKey, note: `for the same key, which is kept elsewhere (${request.path})` };
  }
  const { publicKey } = new X509Certificate(cert.text);
  if (key && parseKey(key.text).kind === 'encrypted')
    return {
      kind: 'kept',
      publicKey,
      note: `for the same key: ${key.path} is encrypted, and its password not known here`,
    };
  return { kind: 'new', pem: await settings.newKey(asked ?? keyTypeOf(publicKey)) };
}

/**
 * From now on for as long as the old certificate was made for; but one that had ended with its CA was cut short, and
 * says nothing of how long it should live.
 */
function nextValidity(
  certPem: string,
  authority: Pick<Authority, 'ca' | 'bundle'>,
  settings: Settings,
  asked: number | undefined,
): Validity {
  const certificate = new X509Certificate(certPem);
  const issuer = issuerIn(authority.bundle, certificate);
  const ca = issuer === undefined ? undefined : parseCertificate(issuer);
  const old = validityIn(certificate);
  const cut = ca !== undefined && validityIn(ca).notAfter.getTime() - old.notAfter.getTime() < dayMs;
  const days = asked ?? (cut ? defaultDays : lifeInDays(old));
  return leafValidity(authority.ca, { ...settings, days });
}

export const lifeInDays = ({ notBefore, notAfter }: Validity): number =>
  Math.min(Math.max(Math.round((notAfter.getTime() - notBefore.getTime()) / dayMs), 1), 36_500);

/** The old one too: it may have been made by a version that kept no list. */
async function record(
  dir: string,
  name: string,
  pems: readonly string[],
  { bundle }: Authority,
): Promise<void> {
  const known = new Set((await readIssued(dir)).map(({ serial }) => serial));
  for (const pem of pems) {
    // A new one's issuer is in the bundle in any case; an old one of no CA here needs no place in the list.
    const issuer = issuerIn(bundle, new X509Certificate(pem));
    if (issuer !== undefined && !known.has(serialOf(pem))) await recordIssued(dir, name, pem, issuer);
  }
}

/** Whether a certificate is to be renewed. */
export type NeedsRenewal =
  | {
      readonly kind: 'due' | 'not due';
      readonly path: string;
      readonly notAfter: Date;
      readonly dueAt: Date;
    }
  | { readonly kind: 'missing'; readonly path: string }
  | { readonly kind: 'unreadable'; readonly path: string; readonly reason: string };

/**
 * Whether a certificate is due. Only its own dates count: it may be of any CA.
 *
 * @param what a certificate's file, or `gateway` or a plugin's name.
 * @example
 * ```ts
 * import { needsRenewal, parseExpiresIn } from 'sallyport/pki';
 *
 * const answer = await needsRenewal('certs/mcp/gateway/client.crt', { due: parseExpiresIn('30d') });
 * if (answer.kind === 'due') console.log(`${answer.path} ends on ${answer.notAfter.toISOString()}`);
 * ```
 */
export async function needsRenewal(
  what: string,
  options: { readonly dir?: string; readonly due?: DuePolicy; readonly now?: () => Date } = {},
): Promise<NeedsRenewal> {
  const { dir = defaultDir, due = defaultDue, now = () => new Date() } = options;
  let path = what;
  try {
    path = await certificatePath(what, dir);
    const file = await readIfExists(path);
    if (!file) return { kind: 'missing', path };
    const certificate = parseCertificate(file.text);
    if (!certificate) return { kind: 'unreadable', path, reason: 'it is not a certificate in PEM form' };
    const validity = validityIn(certificate);
    const at = dueAt(validity, due);
    return { kind: now() < at ? 'not due' : 'due', path, notAfter: validity.notAfter, dueAt: at };
  } catch (error) {
    if (FileUnreadable.is(error)) return { kind: 'unreadable', path, reason: error.context.reason };
    throw error;
  }
}

/** A name wins over a file of that name, as it does for `renew`. */
async function certificatePath(what: string, dir: string): Promise<string> {
  if (/[/\\]/.test(what) && /\.\w+$/.test(what)) return what;
  const leaves = await presentLeaves(dir, await leafTargets(dir));
  try {
    return leafNamed(what, dir, leaves).layout.cert;
  } catch {
    return what;
  }
}
