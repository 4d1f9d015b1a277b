import type { CertificateName } from './names.js';

/** What `*` stands for: any characters of a segment of a URI's path, of a label of a DNS name, of the rest. */
const parts = { URI: '[^/]*', DNS: '[^.]*', EMAIL: '[^@]*', CN: '.*' } as const;

/**
 * The first of `names` that fits `pattern`: `URI:`, `DNS:`, `EMAIL:` or `CN:` and a name, or a name of any kind. DNS
 * names are compared without regard to case (RFC 4343).
 */
export function matchingName(
  names: readonly CertificateName[],
  pattern: string,
): CertificateName | undefined {
  const [, wanted, rest = pattern] = /^(URI|DNS|EMAIL|CN):(.*)$/s.exec(pattern) ?? [];
  const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return names.find(({ kind, value }) => {
    if (wanted !== undefined && wanted !== kind) return false;
    // The pattern is the operator's own; runs of stars would be slow.
    const text = rest.split(/\*+/).map(literal).join(parts[kind]);
    return new RegExp(`^${text}$`, kind === 'DNS' ? 'is' : 's').test(value);
  });
}
