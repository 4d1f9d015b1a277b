import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { isUriPattern } from '../config/index.js';
import { HostnameMismatch, NamedByCommonName, type SallyError } from '../errors.js';
import { parseJson } from '../json/index.js';
import { hasSan } from '../pki/der.js';

/** A name of a certificate's holder, of the kinds that say who it is. */
export interface CertificateName {
  readonly kind: 'URI' | 'DNS' | 'EMAIL' | 'CN';
  readonly value: string;
  /**
   * Of a CN in a certificate that has a SAN of any kind: it counts only where it is asked for as `CN:` (RFC 6125
   * section 6.4.4).
   */
  readonly besideSan?: true;
}

/** What a certificate of `sallyport certs` says of its holder's part. */
export type Role = { readonly kind: 'gateway' } | { readonly kind: 'plugin'; readonly name: string };

/** One name of `subjectAltName`, as Node prints it: a value with a comma or a quote in it is a JSON text. */
const san = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g;

const kinds = new Map<string, 'URI' | 'DNS' | 'EMAIL'>([
  ['URI', 'URI'],
  ['DNS', 'DNS'],
  ['email', 'EMAIL'],
]);

/** The names in a certificate, the most telling kind first: a URI, a DNS name, an address, then CN. */
export function certificateNames(certificate: X509Certificate): readonly CertificateName[] {
  const sans = [...(certificate.subjectAltName ?? '').matchAll(san)].flatMap(([, type = '', value = '']) => {
    const kind = kinds.get(type);
    return kind === undefined ? [] : [{ kind, value: value.startsWith('"') ? unquoted(value) : value }];
  });
  const subject = certificate.toLegacyObject().subject as { CN?: string | string[] } | undefined;
  const besideSan = hasSan(certificate) ? ({ besideSan: true } as const) : {};
  const cns = [subject?.CN ?? []].flat().map((value) => ({ kind: 'CN', value, ...besideSan }) as const);
  const order = [...kinds.values()];
  return [...sans.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)), ...cns];
}

/** As `certificateNames`, those that tell one machine from another: no address of a person. */
export const machineNames = (certificate: X509Certificate): readonly CertificateName[] =>
  certificateNames(certificate).filter(({ kind }) => kind !== 'EMAIL');

function unquoted(text: string): string {
  try {
    return String(parseJson(text));
  } catch {
    return text;
  }
}

/** The roles that a certificate claims. Those that are issued here have one. */
export function rolesOf(names: readonly CertificateName[]): readonly Role[] {
  return names.flatMap(({ kind, value }): Role[] => {
    if (kind !== 'URI') return [];
    const [, path = '', name] = /^spiffe:\/\/[^/]+\/(gateway|plugin\/(.+))$/i.exec(value) ?? [];
    if (path.toLowerCase() === 'gateway') return [{ kind: 'gateway' }];
    return name === undefined ? [] : [{ kind: 'plugin', name }];
  });
}

/** The names as a sentence has them. */
export function showNames(names: readonly CertificateName[]): string {
  const shown = names.slice(0, 8).map(({ kind, value }) => `${kind}:${value}`);
  return shown.join(', ') || 'without a name';
}

/**
 * The first of `names` that fits `pattern`: `URI:`, `DNS:`, `EMAIL:` or `CN:` and a name, or a name of any kind. One
 * without a kind that has `://` in it is for URIs alone, and one without a kind never fits a CN beside a SAN. DNS names
 * are compared without regard to case (RFC 4343).
 */
export function matchingName(
  names: readonly CertificateName[],
  pattern: string,
): CertificateName | undefined {
  const [, kind, rest = pattern] = /^(URI|DNS|EMAIL|CN):(.*)$/s.exec(pattern) ?? [];
  const wanted = kind ?? (isUriPattern(pattern) ? 'URI' : undefined);
  return names.find(
    (name) =>
      (wanted === undefined ? !name.besideSan : wanted === name.kind) &&
      expressionOf(rest, name.kind).test(name.value),
  );
}

/** What `*` stands for: any characters of a label of a DNS name, of one side of an address, of a CN. */
const parts = { DNS: '[^.]*', EMAIL: '[^@]*', CN: '.*' } as const;

function expressionOf(pattern: string, kind: CertificateName['kind']): RegExp {
  const text = kind === 'URI' ? uriExpression(pattern) : withStars(pattern, parts[kind]);
  return new RegExp(`^${text}$`, kind === 'DNS' ? 'is' : 's');
}

/** The pattern is the operator's own; runs of stars would be slow. */
function withStars(pattern: string, star: string): string {
  return pattern
    .split(/\*+/)
    .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join(star);
}

/**
 * In the host, `*` stands for what SPIFFE allows in a trust domain: no user, no port, and no host that is empty (SPIFFE-ID
 * section 2.1). In the path it stays in one segment, which it does not make empty nor relative (section 2.2), and out of a
 * query and a fragment.
 */
function uriExpression(pattern: string): string {
  const [, scheme = '', host = '', path = pattern] = /^([^/]*:\/\/)([^/]*)(.*)$/s.exec(pattern) ?? [];
  const segments = path.split('/').map((segment) => {
    const text = withStars(segment, '[^/?#]*');
    return segment.includes('*') ? `(?!\\.{0,2}(?:[/?#]|$))${text}` : text;
  });
  const trustDomain = withStars(host, '[a-z0-9._-]*');
  return [
    withStars(scheme, '[A-Za-z0-9+.-]*'),
    host.includes('*') ? `(?!/|$)${trustDomain}` : trustDomain,
    segments.join('/'),
  ].join('');
}

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
 * of them: a second role must not let it in at a second place.
 */
export function judgeIdentity(names: readonly CertificateName[], rule: IdentityRule): IdentityVerdict {
  switch (rule.kind) {
    case 'any':
      return passes;
    case 'client':
      return rule.allowed ? judgeAllowed(names, rule.allowed) : judgeClient(names);
    case 'plugin':
      return judgePlugin(names, rule);
  }
}

function judgeAllowed(names: readonly CertificateName[], allowed: readonly string[]): IdentityVerdict {
  let commonName: string | undefined;
  for (const pattern of allowed) {
    const name = matchingName(names, pattern);
    if (name === undefined) continue;
    if (name.kind !== 'CN' || pattern.startsWith('CN:')) return passes;
    commonName ??= name.value;
  }
  return commonName === undefined
    ? { kind: 'refused', expected: allowed.join(', ') }
    : { kind: 'passes', commonName };
}

function judgeClient(names: readonly CertificateName[]): IdentityVerdict {
  const roles = rolesOf(names);
  if (roles.length === 0) return { kind: 'passes-without-role' };
  return roles.every(({ kind }) => kind === 'gateway')
    ? passes
    : { kind: 'refused', expected: 'the role gateway' };
}

function judgePlugin(
  names: readonly CertificateName[],
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
  const found = names.find(
    ({ kind, value, besideSan }) =>
      (kind === 'DNS' || (kind === 'CN' && !besideSan)) && known.some((other) => sameName(value, other)),
  );
  if (found === undefined) return { kind: 'refused', expected: `DNS ${known.join(' or ')}` };
  return found.kind === 'DNS' ? passes : { kind: 'passes', commonName: found.value };
}

/** Plugin names are matched without regard to case, as the contract has it; DNS names too (RFC 4343). */
const sameName = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export type HostnameVerdict =
  /** `remark`: it is for that host by its CN alone. */
  | { readonly kind: 'fits'; readonly remark?: SallyError }
  | { readonly kind: 'refused'; readonly error: SallyError };

/**
 * Whether `certificate` is for the host `name` (RFC 6125, RFC 9525). Node takes the CN wherever there is no DNS name; here
 * it counts only where there is no SAN of any kind (RFC 6125 section 6.4.4).
 */
export function judgeHostname(name: string, certificate: X509Certificate, peer: string): HostnameVerdict {
  const legacy = certificate.toLegacyObject() as PeerCertificate;
  const { CN: _, ...subject } = legacy.subject ?? {};
  const withoutCn = { ...legacy, subject } as PeerCertificate;
  if (checkServerIdentity(name, withoutCn) === undefined) return { kind: 'fits' };
  if (!hasSan(certificate) && checkServerIdentity(name, legacy) === undefined)
    return { kind: 'fits', remark: NamedByCommonName({ peer, name }) };
  const names = legacy.subjectaltname?.split(', ').filter((san) => !san.startsWith('URI:')) ?? [];
  const valid = names.join(', ') || 'no host name and no IP address';
  return { kind: 'refused', error: HostnameMismatch({ peer, host: name, ip: isIP(name) !== 0, valid }) };
}
