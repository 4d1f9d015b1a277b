import type { X509Certificate } from 'node:crypto';

/** A name of a certificate's holder, of the kinds that say who it is. */
export interface CertificateName {
  readonly kind: 'URI' | 'DNS' | 'EMAIL' | 'CN';
  readonly value: string;
}

/** One name of `subjectAltName`, as Node prints it: a value with a comma or a quote in it is a JSON text. */
const san = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g;
const kinds = new Map([
  ['URI', 'URI'],
  ['DNS', 'DNS'],
  ['email', 'EMAIL'],
] as const);

/** The names in a certificate, the most telling kind first: a URI, a DNS name, an address, then CN. */
export function certificateNames(certificate: X509Certificate): readonly CertificateName[] {
  const sans = [...(certificate.subjectAltName ?? '').matchAll(san)].flatMap(([, type = '', value = '']) => {
    const kind = kinds.get(type as 'URI');
    return kind === undefined ? [] : [{ kind, value: value.startsWith('"') ? unquoted(value) : value }];
  });
  const subject = certificate.toLegacyObject().subject as { CN?: string | string[] } | undefined;
  const cns = [subject?.CN ?? []].flat().map((value) => ({ kind: 'CN', value }) as const);
  const order = [...kinds.values()];
  return [...sans.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)), ...cns];
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
  } catch {
    return text;
  }
}

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
