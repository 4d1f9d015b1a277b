import type { X509Certificate } from 'node:crypto';

/** The names in a certificate that say who its holder is. */
export interface PeerNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly cns: readonly string[];
}

/** What a certificate of `sallyport certs` says of its holder's part. */
export type Role = { readonly kind: 'gateway' } | { readonly kind: 'plugin'; readonly name: string };

/** One name of `subjectAltName`, as Node prints it: a value with a comma or a quote in it is a JSON text. */
const san = /(?:^|, )([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"]*)/g;

export function namesOf(certificate: X509Certificate): PeerNames {
  const names = [...(certificate.subjectAltName ?? '').matchAll(san)].map(([, kind, value = '']) => ({
    kind,
    value: value.startsWith('"') ? unquoted(value) : value,
  }));
  const of = (wanted: string) => names.filter(({ kind }) => kind === wanted).map(({ value }) => value);
  const subject = certificate.toLegacyObject().subject as { CN?: string | string[] } | undefined;
  return { uris: of('URI'), dns: of('DNS'), cns: [subject?.CN ?? []].flat() };
}

function unquoted(text: string): string {
  try {
    return String(JSON.parse(text));
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
