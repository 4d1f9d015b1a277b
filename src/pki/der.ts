import type { X509Certificate } from 'node:crypto';

/** A DER value (X.690 section 8.1): what it is, its content, and both together. */
export interface Der {
  readonly tag: number;
  readonly content: Buffer;
  readonly whole: Buffer;
}

/** The values of a content, one behind the other; undefined where they are not whole. */
export function derValues(content: Buffer): readonly Der[] | undefined {
  const values: Der[] = [];
  for (let at = 0; at < content.length; ) {
    const value = derValueAt(content, at);
    if (value === undefined) return undefined;
    values.push(value);
    at += value.whole.length;
  }
  return values;
}

/** Tags of more than one octet and lengths of more than four do not occur in a certificate. */
function derValueAt(der: Buffer, at: number): Der | undefined {
  const tag = der[at];
  const first = der[at + 1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) return undefined;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || octets > 4 || at + 2 + octets > der.length) return undefined;
  const length = octets === 0 ? first : der.readUIntBE(at + 2, octets);
  const begin = at + 2 + octets;
  if (begin + length > der.length) return undefined;
  return { tag, content: der.subarray(begin, begin + length), whole: der.subarray(at, begin + length) };
}

/** An object identifier in dotted form (X.690 section 8.19). */
export function oidText(content: Buffer): string {
  const parts: number[] = [];
  let value = 0;
  for (const octet of content) {
    value = value * 128 + (octet & 0x7f);
    if (octet & 0x80) continue;
    // The first octets stand for two parts: 40 times the first, which is 2 at most, and the second.
    const head = Math.min(Math.floor(value / 40), 2);
    parts.push(...(parts.length === 0 ? [head, value - head * 40] : [value]));
    value = 0;
  }
  return parts.join('.');
}

/** What Node does not tell of a certificate (RFC 5280 section 4.1). */
export interface CertificateParts {
  /** X.509 v1 has no extensions: it cannot say what it is for. */
  readonly version1: boolean;
  /** The content of the INTEGER. */
  readonly serial: Buffer;
  /** The AlgorithmIdentifier of the signature: its object identifier, and its parameters where it has some. */
  readonly signature: { readonly oid: string; readonly parameters: Der | undefined };
  /** The object identifier of each extension. */
  readonly extensions: readonly string[];
  /** Whether basicConstraints say CA:TRUE. To Node only who may sign by keyUsage too is a CA. */
  readonly claimsCa: boolean;
}

const tags = { boolean: 0x01, integer: 0x02, version: 0xa0, extensions: 0xa3 } as const;

/** Undefined where the encoding is not DER. */
export function partsOf(certificate: X509Certificate): CertificateParts | undefined {
  const [outer] = derValues(certificate.raw) ?? [];
  const [tbs, algorithm] = (outer && derValues(outer.content)) ?? [];
  const fields = tbs && derValues(tbs.content);
  const [oid, parameters] = (algorithm && derValues(algorithm.content)) ?? [];
  if (fields === undefined || oid === undefined) return undefined;
  const version1 = fields[0]?.tag !== tags.version;
  const serial = fields[version1 ? 0 : 1];
  if (serial?.tag !== tags.integer) return undefined;
  const list = fields.find(({ tag }) => tag === tags.extensions);
  const [sequence] = (list && derValues(list.content)) ?? [];
  const extensions = ((sequence && derValues(sequence.content)) ?? []).map(({ content }) => {
    const parts = derValues(content) ?? [];
    return { oid: oidText(parts[0]?.content ?? Buffer.alloc(0)), value: parts.at(-1)?.content };
  });
  return {
    version1,
    serial: serial.content,
    signature: { oid: oidText(oid.content), parameters },
    extensions: extensions.map(({ oid }) => oid),
    claimsCa: extensions.some(({ oid, value }) => oid === '2.5.29.19' && saysCa(value)),
  };
}

/** `SEQUENCE { cA BOOLEAN DEFAULT FALSE, … }` (RFC 5280 section 4.2.1.9). */
function saysCa(value: Buffer | undefined): boolean {
  const [sequence] = (value && derValues(value)) ?? [];
  const [first] = (sequence && derValues(sequence.content)) ?? [];
  return first?.tag === tags.boolean && first.content.some((octet) => octet !== 0);
}

/** Whether a certificate is of X.509 version 1. */
export function isVersion1(certificate: X509Certificate): boolean {
  return partsOf(certificate)?.version1 ?? false;
}

/** Whether it has a subjectAltName, of whatever kind: Node shows none where it cannot read it. */
export function hasSan(certificate: X509Certificate): boolean {
  return partsOf(certificate)?.extensions.includes('2.5.29.17') ?? true;
}
