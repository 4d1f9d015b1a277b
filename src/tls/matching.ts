import { isUriPattern } from '../config/name-patterns.js';
import type { CertificateName } from './names.js';

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
