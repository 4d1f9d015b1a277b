import { createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { CaElsewhere, CertUnusable, RequestInvalid, shellWord } from '../errors.js';
import { unlocked } from '../lock.js';
import {
  type Authority,
  assertCaUsable,
  authorityIn,
  encryptKeys,
  ensureAuthority,
  withOpenKey,
} from './authority.js';
import { certify, sansOf } from './certificate.js';
import { presentLeaves, recordIssued } from './change.js';
import {
  allDone,
  isUnsettled,
  lockedFolder,
  lockOf,
  type NewFile,
  privateFile,
  publicFile,
  publish,
  settle,
  sweep,
  untilComplete,
} from './files.js';
import {
  describe,
  type EnsureOptions,
  type EnsureResult,
  type FolderState,
  type Layout,
  type LeafTarget,
  layoutOf,
  leafTargets,
  pluginFolders,
  profileOf,
  readState,
  remakeCommand,
  type Settings,
  settingsOf,
  targetName,
} from './folder.js';
import { judgeLeaf, replaceCa, type Trust } from './judge.js';
import {
  assertNoTwin,
  distinctSans,
  parsePluginName,
  parsePluginNames,
  type San,
  sansWithout,
  showSan,
} from './names.js';
import { requestKey } from './request.js';
import { defaultDays, opensslDate, validityIn, validityOf } from './validity.js';
import { type Finding, finding, noteOf, verdicts } from './verdicts.js';

/**
 * The CA in `<dir>/ca`, made if it is not there.
 *
 * @throws SALLY_CA_UNUSABLE where there is one that cannot issue; SALLY_CERT_WRITE; SALLY_FILE_UNREADABLE.
 * @example
 * ```ts
 * import { ensureCa } from 'sallyport/pki';
 *
 * const { outcome, notAfter } = await ensureCa({ dir: 'certs/mcp', days: 1825 });
 * console.log(outcome, notAfter.toISOString());
 * ```
 */
export async function ensureCa(options: EnsureOptions = {}): Promise<EnsureResult> {
  const [ca] = await ensureTargets([], options);
  if (!options.encryptCaKey) return ca;
  const settings = settingsOf(options);
  const encrypted = await lockedFolder(settings.dir, () => encryptKeys(settings));
  return {
    ...ca,
    notes: [
      ...ca.notes,
      ...encrypted.map((path) => `${path} is encrypted now; copies of it from before are not`),
    ],
  };
}

/**
 * The gateway's client certificate in `<dir>/gateway`, and before it the CA; each made if it is not there.
 *
 * @returns what became of the CA and of the gateway's folder.
 * @throws as `ensureCa`; SALLY_CERT_UNUSABLE where there are files of the gateway that do not belong to the CA.
 * @example
 * ```ts
 * import { ensureGateway } from 'sallyport/pki';
 *
 * for (const { folder, outcome } of await ensureGateway({ keyType: 'ec-p256' })) console.log(outcome, folder);
 * ```
 */
export function ensureGateway(options: EnsureOptions = {}): Promise<readonly EnsureResult[]> {
  return ensureTargets([{ role: 'gateway' }], options);
}

/**
 * A plugin's server certificate in `<dir>/plugins/<name>`, and before it the CA; each made if it is not there.
 *
 * @throws as `ensureGateway`; SALLY_CERT_PLUGIN_NAME, SALLY_CERT_PLUGIN_NAMES_CLASH.
 * @example
 * ```ts
 * import { ensurePlugin, parseSans } from 'sallyport/pki';
 *
 * await ensurePlugin('ReplaceBadWordsPlugin', { extraSans: parseSans('IP:127.0.0.1') });
 * ```
 */
export async function ensurePlugin(
  name: string,
  options: EnsureOptions = {},
): Promise<readonly EnsureResult[]> {
  return ensureTargets([{ role: 'plugin', name: parsePluginName(name) }], options);
}

/**
 * The CA, the gateway's certificate and one for each of `plugins`. Everything is checked before the first
 * file is written, and the keys are generated side by side.
 *
 * @returns what became of the CA, the gateway and the plugins, in this order.
 * @throws as `ensurePlugin`.
 * @example
 * ```ts
 * import { ensureAll } from 'sallyport/pki';
 *
 * const results = await ensureAll(['WordFilter', 'Audit'], { dir: '/etc/sallyport/certs', days: 90 });
 * console.log(results.filter(({ outcome }) => outcome === 'made').length);
 * ```
 */
export async function ensureAll(
  plugins: readonly string[],
  options: EnsureOptions = {},
): Promise<readonly EnsureResult[]> {
  const names = parsePluginNames(plugins);
  return ensureTargets(
    [{ role: 'gateway' }, ...names.map((name) => ({ role: 'plugin' as const, name }))],
    options,
  );
}

async function ensureTargets(
  leaves: readonly LeafTarget[],
  options: EnsureOptions,
): Promise<[EnsureResult, ...EnsureResult[]]> {
  const settings = settingsOf(options);
  await settled(leaves, settings.dir);
  await preflight(leaves, settings);
  const targets = [{ role: 'ca' } as const, ...leaves];
  await Promise.all(targets.map((target) => sweep(layoutOf(settings.dir, target).folder)));
  const authority = ensureAuthority(leaves.length === 0 ? settings : onTheWay(settings));
  const [{ result }, ...made] = await Promise.all([
    authority,
    allDone(leaves.map((target) => ensureLeaf(settings, target, authority))),
  ]);
  return [result, ...made.flat()];
}

/** A CA that nobody asked for by itself: `days` are those of leaves, and the next ones are to fit into its life too. */
const onTheWay = (settings: Settings): Settings => ({
  ...settings,
  days: Math.max(settings.days, defaultDays),
});

/** Waits for a run that is replacing files, and finishes what a killed one has left half-replaced. */
async function settled(leaves: readonly LeafTarget[], dir: string): Promise<void> {
  await unlocked(lockOf(dir));
  const layouts = leaves.map((target) => layoutOf(dir, target));
  const unsettled = await Promise.all(layouts.map(isUnsettled));
  if (!unsettled.includes(true)) return;
  await lockedFolder(dir, async () => {
    for (const layout of layouts) await settle(layout);
  });
}

/** Throws for everything that is known to fail, while nothing has been written. */
async function preflight(leaves: readonly LeafTarget[], settings: Settings): Promise<void> {
  const { dir } = settings;
  const folders = await pluginFolders(dir);
  for (const target of leaves) if (target.role === 'plugin') assertNoTwin(target.name, folders);
  // The CA last: a certificate seen in a folder has a CA that was there before it.
  const states = await Promise.all(leaves.map((target) => readState(dir, target)));
  const all = await presentLeaves(dir, await leafTargets(dir));
  const ca = await withOpenKey(await readState(dir, { role: 'ca' }), settings);
  // Another one beside them would be one that nobody trusts.
  if (!ca.cert && !ca.key && all.some(({ cert, caCopy }) => cert ?? caCopy))
    throw CaElsewhere({ dir, path: ca.layout.cert });
  assertCaUsable(ca, settings);
  const trust = authorityIn(ca);
  const findings = states.flatMap((state) => leafObstacles(state, trust, settings));
  if (findings.length > 0) throw CertUnusable({ findings });
}

/** What stands in the way of completing the folder without touching what is there. `trust` undefined: there is no CA yet. */
function leafObstacles(
  state: FolderState<LeafTarget>,
  trust: Trust | undefined,
  settings: Settings,
): readonly Finding[] {
  const findings = judgeLeaf(state, trust, { ...settings, warnDays: 0 }).filter(
    ({ verdict }) => verdicts[verdict].blocks,
  );
  const remedy = remakeCommand(settings.dir, state.target);
  if (state.cert || state.keyContent?.kind !== 'encrypted') return findings;
  const detail = 'is encrypted and has no certificate';
  return [...findings, finding('unreadable', state.layout.key, detail, remedy)];
}

/** The gateway's or a plugin's folder on disk, completed with whatever it lacks. */
async function ensureLeaf(
  settings: Settings,
  target: LeafTarget,
  authority: Promise<{ readonly authority: Authority }>,
): Promise<EnsureResult> {
  const made: string[] = [];
  let newKey: string | undefined;
  return untilComplete(target.role, async () => {
    // The folder before the CA: whatever this read sees was issued by a CA that the next one sees.
    const state = await readState(settings.dir, target);
    if (!state.key && !state.request) newKey ??= await settings.newKey();
    const { authority: trust } = await authority;
    const findings = leafObstacles(state, trust, settings);
    if (findings.length > 0) throw CertUnusable({ findings });
    const files = await missingFiles(state, trust, state.key?.text ?? newKey, settings);
    if (files.length === 0 && state.cert) {
      return describe(state, state.cert.text, made, notesOn(state, state.cert.text, trust, made, settings));
    }
    const published = await publish(files);
    made.push(...published);
    const cert = files.find(({ path }) => path === state.layout.cert);
    if (cert && published.includes(cert.path))
      await recordIssued(settings.dir, targetName(target), new X509Certificate(cert.text), trust.issuing);
    return undefined;
  });
}

/** `keyPem` is undefined where the key is kept elsewhere: then the request beside the certificate stands for it. */
async function missingFiles(
  state: FolderState<LeafTarget>,
  trust: Authority,
  keyPem: string | undefined,
  settings: Settings,
): Promise<readonly NewFile[]> {
  const { target, cert, layout } = state;
  const certPem = cert?.text ?? (await issueProfile(target, trust, publicKeyIn(state, keyPem), settings));
  const present = [cert, state.key, state.caCopy, state.crl, state.pem].map((file) => file?.path);
  return leafFiles(layout, certPem, keyPem, trust).filter(({ path }) => !present.includes(path));
}

/** The files of a leaf's folder, in the order in which they are made; of keys and copies those that there are. */
export function leafFiles(
  { key, cert, caCopy, crl, pem }: Layout,
  certPem: string,
  keyPem: string | undefined,
  authority?: Authority,
): NewFile[] {
  const files = keyPem === undefined ? [] : [privateFile(key, keyPem)];
  files.push(publicFile(cert, certPem));
  if (authority && caCopy !== undefined) files.push(publicFile(caCopy, authority.text));
  if (authority?.crl !== undefined) files.push(publicFile(crl, authority.crl));
  if (pem !== undefined && keyPem !== undefined) files.push(privateFile(pem, `${certPem}${keyPem}`));
  return files;
}

function publicKeyIn({ request, layout }: FolderState, keyPem: string | undefined): KeyObject {
  if (keyPem !== undefined) return createPublicKey(keyPem);
  return keyOfRequest(request ?? { path: layout.folder, text: '' });
}

/** @throws SALLY_CERT_REQUEST */
export function keyOfRequest({ path, text }: { readonly path: string; readonly text: string }): KeyObject {
  const key = requestKey(text);
  if (!key) throw RequestInvalid({ path, reason: 'it cannot be read' });
  return key;
}

/** A certificate for `publicKey` that says of its holder what the role says. */
export function issueProfile(
  target: LeafTarget,
  { ca, issuing }: Authority,
  publicKey: KeyObject,
  settings: Settings,
): Promise<string> {
  const { subject, purpose } = profileOf(target, settings.trustDomain);
  return certify(publicKey, {
    ...leafValidity(issuing, settings),
    ca,
    subject,
    purposes: [purpose],
    sans: sansFor(target, settings),
  });
}

function sansFor(target: LeafTarget, settings: Settings): readonly San[] {
  const { sans } = profileOf(target, settings.trustDomain);
  return target.role === 'plugin' ? distinctSans([...sans, ...settings.extraSans]) : sans;
}

/** A leaf that outlived its CA would be refused from the CA's end on, however good its own date looks. */
export function leafValidity(ca: X509Certificate | undefined, settings: Settings) {
  return validityOf({ ...settings, ...(ca && { ca: validityIn(ca) }) });
}

function notesOn(
  state: FolderState<LeafTarget>,
  certPem: string,
  trust: Authority,
  made: readonly string[],
  settings: Settings,
): readonly string[] {
  const { target, layout } = state;
  const notes = judgeLeaf(state, trust, { ...settings, warnDays: 0 }).map(noteOf);
  if (made.includes(layout.cert)) {
    const { shortened, notAfter } = leafValidity(trust.issuing, settings);
    if (shortened)
      notes.push(
        `ends with its CA on ${opensslDate(notAfter)}, before the ${settings.days} days are over: ${replaceCa(settings.dir, notAfter, settings)}`,
      );
  } else if (target.role === 'plugin') {
    const lacking = sansWithout(settings.extraSans, sansOf(new X509Certificate(certPem)));
    const sans = shellWord(settings.extraSans.map(showSan).join(','));
    const again = `${remakeCommand(settings.dir, target)} --sans ${sans}`;
    if (lacking.length > 0)
      notes.push(`lacks ${lacking.map(showSan).join(', ')}; to have it issued with them: ${again}`);
  }
  return notes;
}
