import { isIP } from 'node:net';
import { PluginNameInvalid, PluginNamesClash } from '../errors.js';

/**
 * `mcp-plugin-<Name>` is a label of a DNS name (at most 63 characters, RFC 1035 2.3.4) and a common name
 * (at most 64, RFC 5280 appendix A): the label is the tighter of the two.
 */
export const longestPluginName = 63 - 'mcp-plugin-'.length;

const label = '[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?';
const dottedLabels = new RegExp(`^${label}(?:\\.${label})*$`);

/**
 * `name` as a plugin's name: fit to be a folder, a common name, a DNS name and the end of a SPIFFE URI.
 *
 * @throws SALLY_CERT_PLUGIN_NAME for anything else: it is never turned into something that would fit.
 * @example
 * ```ts
 * import { parsePluginName } from 'sallyport/pki';
 *
 * export const name: string = parsePluginName('ReplaceBadWordsPlugin');
 * ```
 */
export function parsePluginName(name: string): string {
  const reason = defectOf(name);
  if (reason !== undefined) throw PluginNameInvalid({ name, reason });
  return name;
}

function defectOf(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name.length > longestPluginName) {
    return `it has ${name.length} characters, more than the ${longestPluginName} that leave room for "mcp-plugin-" in a DNS name`;
  }
  const odd = /[^A-Za-z0-9._-]/u.exec(name);
  if (odd) return `it contains ${JSON.stringify(odd[0])}`;
  if (isIP(name) !== 0) return 'it is an IP address, which a DNS name cannot be';
  if (!dottedLabels.test(name))
    return 'it begins, ends or goes on after a dot with a character that a host name cannot have there';
  return undefined;
}

/**
 * The names, each once, checked. Two that differ only in letter case would share a folder on some file
 * systems, and their DNS names are equal (RFC 4343).
 */
export function parsePluginNames(names: readonly string[]): readonly string[] {
  const distinct = [...new Set(names.map(parsePluginName))];
  for (const name of distinct) assertNoTwin(name, distinct);
  return distinct;
}

/** Throws where one of `others` differs from `name` in letter case only. */
export function assertNoTwin(name: string, others: readonly string[]): void {
  const twin = others.find((other) => other !== name && other.toLowerCase() === name.toLowerCase());
  if (twin !== undefined) throw PluginNamesClash({ first: name, second: twin });
}
