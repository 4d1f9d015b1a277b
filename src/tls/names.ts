import type { X509Certificate } from 'node:crypto';
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

/** The names in a certificate that tell one machine from another. */
export interface PeerNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly cns: readonly string[];
  /** Whether it has a SAN of any kind, also one that says nothing here, as an address. */
  readonly hasSan: boolean;
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

export function namesOf(certificate: X509Certificate): PeerNames {
  const names = certificateNames(certificate);
  const of = (wanted: CertificateName['kind']) =>
    names.filter(({ kind }) => kind === wanted).map(({ value }) => value);
  return { uris: of('URI'), dns: of('DNS'), cns: of('CN'), hasSan: hasSan(certificate) };
}

/** The common names that count as names of the holder though nobody asked for a CN: where there is no SAN at all. */
export function soleCommonNames({ cns, hasSan }: PeerNames): readonly string[] {
  return hasSan ? [] : cns;
}

function unquoted(text: string): string {
  try {
    return String(parseJson(text));
  } catch {
    return text;
  }
}

/** The roles that a certificate claims. Those that are issued here have one. */
export function rolesOf({ uris }: PeerNames): readonly Role[] {
  return uris.flatMap((uri): Role[] => {
    const [, path = '', name] = /^spiffe:\/\/[^/]+\/(gateway|plugin\/(.+))$/i.exec(uri) ?? [];
    if (path.toLowerCase() === 'gateway') return [{ kind: 'gateway' }];
    return name === undefined ? [] : [{ kind: 'plugin', name }];
  });
}

/** The names as a sentence has them. */
export function showNames({ uris, dns, cns }: PeerNames): string {
  const all = [
    ...uris.map((name) => `URI:${name}`),
    ...dns.map((name) => `DNS:${name}`),
    ...cns.map((name) => `CN:${name}`),
  ];
  return all.length === 0 ? 'without a name' : all.slice(0, 8).join(', ');
}
