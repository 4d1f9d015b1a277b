import { CertUnusable } from '../errors.js';
import { unlocked } from '../lock.js';
import { assertCaUsable, authorityIn, ensureAuthority } from './authority.js';
import { lockedFolder, lockOf, sweep } from './files.js';
import { type LeafTarget, layoutOf, pluginFolders } from './folder.js';
import { ensureLeaf, leafObstacles } from './leaf.js';
import { assertNoTwin, parsePluginName, parsePluginNames } from './names.js';
import { isUnsettled, settle } from './replace.js';
import type { EnsureResult } from './result.js';
import { type EnsureOptions, type Settings, settingsOf } from './settings.js';
import { readState } from './state.js';

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
  return ca;
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
  const authority = ensureAuthority(settings);
  // All of them end before the first failure is reported: nothing is being written any more by then.
  const [ca, ...rest] = await Promise.allSettled([
    authority,
    ...leaves.map((target) => ensureLeaf(settings, target, authority)),
  ]);
  const first = valueIn(ca).result;
  return [first, ...rest.map((outcome) => valueIn(outcome))];
}

function valueIn<T>(outcome: PromiseSettledResult<T>): T {
  if (outcome.status === 'rejected') throw outcome.reason;
  return outcome.value;
}

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
  const folders = await pluginFolders(settings.dir);
  for (const target of leaves) if (target.role === 'plugin') assertNoTwin(target.name, folders);
  // The CA last: a certificate seen in a folder has a CA that was there before it.
  const states = await Promise.all(leaves.map((target) => readState(settings.dir, target)));
  const ca = await readState(settings.dir, { role: 'ca' });
  assertCaUsable(ca, settings);
  const trust = authorityIn(ca);
  const findings = states.flatMap((state) => leafObstacles(state, trust, settings));
  if (findings.length > 0) throw CertUnusable({ findings });
}
