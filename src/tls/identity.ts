import { matchingName } from './matching.js';
import { type CertificateName, type PeerNames, rolesOf, soleCommonNames } from './names.js';

/** Who has to be at the other end, beside having a certificate that verifies. */
export type IdentityRule =
  /** Anyone whose certificate verifies. */
  | { readonly kind: 'any' }
  /** A client: one of `allowed`; without it the gateway, where certificates name a role. */
  | { readonly kind: 'client'; readonly allowed?: readonly string[] | undefined }
  /**
   * The server of a plugin. `name` undefined: of any plugin. `required`: also where certificates name no role; then
   * a DNS name has to be the plugin's, or the CN where there is no SAN.
   */
  | { readonly kind: 'plugin'; readonly name: string | undefined; readonly required: boolean };

export type IdentityVerdict =
  /** `commonName`: it passes by that CN, which counts because the certificate has no SAN. */
  | { readonly kind: 'passes'; readonly commonName?: string }
  /** Passes, because nothing says who may and nothing who this is. */
  | { readonly kind: 'passes-without-role' }
  | { readonly kind: 'refused'; readonly expected: string };

const passes: IdentityVerdict = { kind: 'passes' };

/** What `mcp.tls.identity` asks of the server of plugin `name`. */
export function pluginRule(name: string, identity: string | undefined): IdentityRule {
  if (identity === undefined) return { kind: 'plugin', name, required: false };
  if (identity === 'host') return { kind: 'plugin', name: undefined, required: false };
  return { kind: 'plugin', name: identity === 'plugin' ? name : identity, required: true };
}

/**
 * Whether a peer of those names is the one that `rule` asks for. A certificate that claims several roles is held to each
 * of them: a second one must not open a second door.
 */
export function judgeIdentity(names: PeerNames, rule: IdentityRule): IdentityVerdict {
  switch (rule.kind) {
    case 'any':
      return passes;
    case 'client':
      return rule.allowed ? judgeAllowed(names, rule.allowed) : judgeClient(names);
    case 'plugin':
      return judgePlugin(names, rule);
  }
}

function judgeAllowed(names: PeerNames, allowed: readonly string[]): IdentityVerdict {
  let commonName: string | undefined;
  for (const pattern of allowed) {
    const name = nameThatFits(names, pattern);
    if (name === undefined) continue;
    if (name.kind !== 'CN' || pattern.startsWith('CN:')) return passes;
    commonName ??= name.value;
  }
  return commonName === undefined
    ? { kind: 'refused', expected: allowed.join(', ') }
    : { kind: 'passes', commonName };
}

function judgeClient(names: PeerNames): IdentityVerdict {
  const roles = rolesOf(names);
  if (roles.length === 0) return { kind: 'passes-without-role' };
  return roles.every(({ kind }) => kind === 'gateway')
    ? passes
    : { kind: 'refused', expected: 'the role gateway' };
}

function judgePlugin(
  names: PeerNames,
  { name, required }: Extract<IdentityRule, { kind: 'plugin' }>,
): IdentityVerdict {
  const roles = rolesOf(names);
  if (roles.length > 0) {
    const fits = roles.every(
      (role) => role.kind === 'plugin' && (name === undefined || sameName(role.name, name)),
    );
    return fits ? passes : { kind: 'refused', expected: `the role plugin/${name ?? '*'}` };
  }
  if (name === undefined || !required) return passes;
  const known = [name, `mcp-plugin-${name}`];
  const isKnown = (one: string) => known.some((other) => sameName(one, other));
  if (names.dns.some(isKnown)) return passes;
  const commonName = soleCommonNames(names).find(isKnown);
  return commonName === undefined
    ? { kind: 'refused', expected: `DNS ${known.join(' or ')}` }
    : { kind: 'passes', commonName };
}

/** Plugin names are matched without regard to case, as the contract has it; DNS names too (RFC 4343). */
const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** The first of `names` that fits `pattern`, as `matchingName` has it. */
export function nameThatFits(
  { uris, dns, cns, hasSan }: PeerNames,
  pattern: string,
): CertificateName | undefined {
  const of = (kind: CertificateName['kind'], values: readonly string[]) =>
    values.map((value): CertificateName => ({ kind, value }));
  const commonNames = of('CN', cns).map(
    (name): CertificateName => (hasSan ? { ...name, besideSan: true } : name),
  );
  return matchingName([...of('URI', uris), ...of('DNS', dns), ...commonNames], pattern);
}
