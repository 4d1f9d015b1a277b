import { matchingName } from './matching.js';
import { type CertificateName, type PeerNames, rolesOf } from './names.js';

/** Who has to be at the other end, beside having a certificate that verifies. */
export type IdentityRule =
  /** Anyone whose certificate verifies. */
  | { readonly kind: 'any' }
  /** A client: one of `allowed`; without it the gateway, where certificates name a role. */
  | { readonly kind: 'client'; readonly allowed?: readonly string[] | undefined }
  /**
   * The server of a plugin. `name` undefined: of any plugin. `required`: also where certificates name no role; then
   * a DNS name or the CN has to be the plugin's.
   */
  | { readonly kind: 'plugin'; readonly name: string | undefined; readonly required: boolean };

export type IdentityVerdict =
  | { readonly kind: 'passes' }
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
  return allowed.some((pattern) => matches(names, pattern))
    ? passes
    : { kind: 'refused', expected: allowed.join(', ') };
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
  return [...names.dns, ...names.cns].some((one) => known.some((other) => sameName(one, other)))
    ? passes
    : { kind: 'refused', expected: `DNS or CN ${known.join(' or ')}` };
}

/** Plugin names are matched without regard to case, as the contract has it; DNS names too (RFC 4343). */
const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/** Whether one of `names` fits `pattern`, as `matchingName` has it. */
export function matches({ uris, dns, cns }: PeerNames, pattern: string): boolean {
  const of = (kind: CertificateName['kind'], values: readonly string[]) =>
    values.map((value): CertificateName => ({ kind, value }));
  return matchingName([...of('URI', uris), ...of('DNS', dns), ...of('CN', cns)], pattern) !== undefined;
}
