import { X509Certificate } from 'node:crypto';
import { RequestInTheWay, shellWord } from '../errors.js';
import { readAuthority } from './authority.js';
import { type ChangeOptions, changing, recordIssued } from './change.js';
import { ensureCa, issueProfile, leafFiles } from './ensure.js';
import { publicFile, replaceEach } from './files.js';
import {
  certsCommandLine,
  describe,
  type EnsureResult,
  type FolderState,
  type LeafTarget,
  pluginFolders,
  profileOf,
  readState,
  type Settings,
  settingsOf,
} from './folder.js';
import { assertNoTwin, distinctSans, parsePluginName, type San, sansWithout, showSan } from './names.js';
import { parseRequest, requestKey, type SigningRequest } from './request.js';
import { defaultDays } from './validity.js';

export interface SignOptions extends ChangeOptions {
  /** The plugin. Default: the request's common name, which then may not take over another key's folder. */
  readonly name?: string;
  /** Where the request comes from, for messages. */
  readonly path?: string;
}

/**
 * Signs a request (PKCS #10) that was made where the plugin runs, so that its key never leaves that host. Only the key
 * is taken from it, and of the names it asks for those that are in `extraSans`: role, purposes, lifetime and SPIFFE
 * name are those of any plugin of that name. The folder then has the request, the certificate and `ca.crt`.
 *
 * @throws SALLY_CERT_REQUEST, SALLY_CERT_REQUEST_CONFLICT, SALLY_CERT_PLUGIN_NAME; and as `ensureCa`.
 * @example
 * ```ts
 * import { readFile } from 'node:fs/promises';
 * import { parseSans, signRequest } from 'sallyport/pki';
 *
 * const pem = await readFile('server.csr', 'utf8');
 * const { made } = await signRequest(pem, { name: 'MyPlugin', extraSans: parseSans('DNS:plugins.internal') });
 * console.log(made);
 * ```
 */
export async function signRequest(pem: string, options: SignOptions = {}): Promise<EnsureResult> {
  const path = options.path ?? 'request';
  const request = await parseRequest(pem, path);
  const name = parsePluginName(options.name ?? (request.commonName ?? '').replace(/^mcp-plugin-/, ''));
  const settings = settingsOf(options);
  const target = { role: 'plugin', name } as const;
  assertNoTwin(name, await pluginFolders(settings.dir));
  await ensureCa({ ...options, days: Math.max(settings.days, defaultDays) });
  return changing(settings.dir, async () => {
    const state = await readState(settings.dir, target);
    assertFree(state, request, options, settings.dir);
    const authority = await readAuthority(settings);
    const allowed = settings.extraSans.filter((san) => sansWithout([san], request.sans).length === 0);
    const { certificate } = state;
    const answered = certificate !== undefined && request.publicKey.equals(certificate.publicKey);
    const certPem =
      state.cert && answered
        ? state.cert.text
        : await issueProfile(target, authority, request.publicKey, { ...settings, extraSans: allowed });
    if (!answered) await recordIssued(settings.dir, name, new X509Certificate(certPem), authority.issuing);
    const { layout } = state;
    // The request first: a certificate without it, and without a key, would seem to have lost the key.
    const files = [
      publicFile(layout.request ?? '', request.pem),
      ...leafFiles(layout, certPem, undefined, authority),
    ];
    const made = await replaceEach(files, options.onChange);
    const notes = answered ? [] : notesOn(target, request, settings);
    const after = await readState(settings.dir, target);
    const result = describe(after, certPem, made, notes);
    return { ...result, outcome: made.includes(layout.cert) ? 'made' : result.outcome };
  });
}

/** A request may fill an empty folder, or renew what was signed for a request before; only when told to by name. */
function assertFree(
  { key, request, layout, target }: FolderState<LeafTarget & { role: 'plugin' }>,
  { publicKey }: SigningRequest,
  { name, path = 'request' }: SignOptions,
  dir: string,
): void {
  if (key) {
    const reason = `has a key of its own, ${key.path}`;
    const remedy = `where the key is to be kept elsewhere from now on, delete the folder first: rm -r ${shellWord(layout.folder)}`;
    throw RequestInTheWay({ folder: layout.folder, reason, remedy });
  }
  const before = request && requestKey(request.text);
  if (!before || before.equals(publicKey) || name !== undefined) return;
  const sign = certsCommandLine(dir, 'plugin', target.name, '--csr', path);
  throw RequestInTheWay({
    folder: layout.folder,
    reason: 'has a certificate for the key of another request',
    remedy: `whoever makes a request can write any name into it; where this one is to replace the other: ${sign}`,
  });
}

function notesOn(
  target: LeafTarget & { role: 'plugin' },
  request: SigningRequest,
  settings: Settings,
): readonly string[] {
  const granted = distinctSans([...profileOf(target, settings.trustDomain).sans, ...settings.extraSans]);
  const refused = sansWithout(request.sans, granted);
  const absent = sansWithout(settings.extraSans, request.sans);
  const leftOut = (sans: readonly San[], why: string) =>
    sans.length > 0 ? [`left out ${sans.map(showSan).join(', ')}, which the request ${why}`] : [];
  return [...leftOut(refused, 'asks for: --sans allows names'), ...leftOut(absent, 'does not ask for')];
}
