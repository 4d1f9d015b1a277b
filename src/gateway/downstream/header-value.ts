const prefix = '=?base64?';
const suffix = '?=';
const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const safe = /^[\t\x20-\x7e]*$/;

/** A mirrored value as it was before its way into a header (2026-07-28, Value Encoding); undefined for one that is none. */
export function decodeHeaderValue(value: string): string | undefined {
  if (!value.startsWith(prefix) || !value.endsWith(suffix) || value.length < prefix.length + suffix.length) {
    return safe.test(value) ? value : undefined;
  }
  const encoded = value.slice(prefix.length, -suffix.length);
  if (!canonical.test(encoded)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
}
