import { ConfigBadValue, type ConfigPlace, ConfigUpstream } from '../errors.js';
import { framingHeaders, headerName } from '../headers.js';
import { looksSecret, type Problems, shown } from './problems.js';
import type { Field } from './schema.js';

/** A part of a header's value: a text, or what is known of the client. */
export type ValuePart = string | ClientValue;

/** What is known of the client of a request. */
export interface ClientValue {
  readonly name: 'user' | 'tenant' | 'auth_method' | 'client_host' | 'claims';
  /** Of `claims`, which one. */
  readonly claim?: string;
  /** What stands in for it where it is not known. */
  readonly otherwise?: string;
}

/** What of a client's request goes to an upstream in headers. Names are in lower case. */
export interface ClientHeaders {
  /** Those that go as the client sent them. */
  readonly pass: readonly string[];
  /** The same of credentials, which go nowhere unless they are named here. */
  readonly passCredentials: readonly string[];
  /** Those that are made of what is known of the client. */
  readonly fromClient: Readonly<Record<string, readonly ValuePart[]>>;
}

type Named = Readonly<Record<string, Field<unknown>>>;

/** The keys among `headers` that say what comes from the client: a header of that name has a text. */
export function isRule(name: string, value: unknown): boolean {
  return typeof value === 'object' && value !== null && ruleNames.has(name);
}
const ruleNames: ReadonlySet<string> = new Set(['pass', 'pass_credentials', 'from_client']);

/**
 * What `headers` of an upstream say of its clients; undefined where they say nothing. `fixed` are the names that have a value
 * of their own.
 */
export function clientHeaders(
  named: Named,
  fixed: readonly string[],
  path: string,
  upstream: string,
  problems: Problems,
): ClientHeaders | undefined {
  const rules = Object.entries(named).filter(([name, { value }]) => isRule(name, value));
  if (rules.length === 0) return undefined;
  const taken = new Map(fixed.map((name) => [name, 'a value of its own']));
  const refuse = (at: ConfigPlace, problem: string, instead: string) =>
    problems.add(ConfigUpstream({ at, upstream, problem, instead }));
  const check = (text: string, rule: string, at: ConfigPlace): string | undefined => {
    const name = text.toLowerCase();
    const own = framingHeaders.has(name) || notForClients.test(name);
    const secret = isCredential(name);
    const before = taken.get(name);
    if (!headerName.test(text) || own) {
      const expected = 'names of headers, none of the connection, of MCP or of the body';
      problems.add(ConfigBadValue({ at, key: `${path}.${rule}`, expected, seen: shown(text) }));
    } else if (before !== undefined) {
      refuse(at, `${rule} has ${shown(text)}, which has ${before} already`, 'keep one of the two');
    } else if (secret && rule !== 'pass_credentials') {
      refuse(
        at,
        `${rule} has ${shown(text)}, whose name is that of a credential`,
        rule === 'pass'
          ? 'remove it; where this upstream is to have the credential that was meant for the gateway, name it in pass_credentials'
          : 'give it another name',
      );
    } else {
      taken.set(name, rule);
      return name;
    }
    return undefined;
  };
  const list = (rule: 'pass' | 'pass_credentials'): string[] => {
    const field = named[rule];
    if (!Array.isArray(field?.value)) return [];
    return field.value.flatMap((text: string) => check(text, rule, field.place) ?? []);
  };
  const fromClient: Record<string, readonly ValuePart[]> = {};
  const made = named['from_client']?.value;
  if (isRule('from_client', made)) {
    for (const [text, field] of Object.entries(made as Record<string, Field<string>>)) {
      const name = check(text, 'from_client', field.place);
      if (name === undefined || field.value === undefined) continue;
      const parts = readValue(field.value);
      if (typeof parts !== 'string') fromClient[name] = parts;
      else {
        const key = `${path}.from_client.${shown(text).slice(1, -1)}`;
        problems.add(ConfigBadValue({ at: field.place, key, expected: parts, seen: field.seen }));
      }
    }
  }
  return { pass: list('pass'), passCredentials: list('pass_credentials'), fromClient };
}

/** What belongs to MCP, to the body, or to the way here: it is made anew. */
const notForClients =
  /^(accept|accept-.*|content-.*|mcp-.*|last-event-id|set-cookie|proxy-authenticate|__proto__)$/;

/** Whether a header of this name carries a credential. */
function isCredential(name: string): boolean {
  return name.startsWith('proxy-') || looksSecret(name);
}

const known =
  "user, tenant, auth_method, client_host or claims.NAME, with | default('…') where it may be missing";
const placeholder =
  /\{\{-?\s*(user|tenant|auth_method|client_host|claims)(?:\.([A-Za-z_][\w-]*)|\[\s*(?:'([^']*)'|"([^"]*)")\s*\])?\s*(?:\|\s*default\(\s*(?:'([^']*)'|"([^"]*)")\s*\)\s*)?-?\}\}/y;

/** The parts of such a value; what would be one where it is none. */
function readValue(text: string): readonly ValuePart[] | string {
  const parts: ValuePart[] = [];
  for (let at = 0; at < text.length; ) {
    const open = text.indexOf('{{', at);
    const plain = text.slice(at, open === -1 ? undefined : open);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what no header may have.
    if (/[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/.test(plain)) return 'a text without control characters';
    if (plain !== '') parts.push(plain);
    if (open === -1) break;
    placeholder.lastIndex = open;
    const found = placeholder.exec(text);
    const [whole, name, dotted, single, double, one, two] = found ?? [];
    const claim = dotted ?? single ?? double;
    if (whole === undefined || (name === 'claims') !== (claim !== undefined))
      return `a text with {{ … }} around ${known}`;
    const otherwise = one ?? two;
    parts.push({
      name: name as ClientValue['name'],
      ...(claim !== undefined && { claim }),
      ...(otherwise !== undefined && { otherwise }),
    });
    at = open + whole.length;
  }
  return parts;
}

interface Told {
  readonly transport: string;
  readonly client?: ClientHeaders;
}

/** The claims of a token that the headers of these upstreams are made of. */
export function claimsIn(all: readonly Told[]): readonly string[] {
  const parts = all.flatMap(({ client }) => Object.values(client?.fromClient ?? {}).flat());
  return [...new Set(parts.flatMap((part) => (typeof part === 'object' && part.claim) || []))];
}

/** The credentials that go to one of these upstreams at least. */
export function credentialsIn(all: readonly Told[]): readonly string[] {
  return [...new Set(all.flatMap(({ client }) => client?.passCredentials ?? []))];
}
