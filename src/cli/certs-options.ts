import type { CommandIo } from './io.js';

export interface Flags {
  readonly dir: string;
  readonly json?: true;
  readonly days?: string;
  readonly key?: string;
  readonly sans?: string;
  readonly trustDomain?: string;
  readonly config?: string;
  readonly warnDays?: string;
  readonly all?: true;
  readonly expiresIn?: string;
  readonly force?: true;
  readonly daemon?: true;
  readonly exec?: string;
  readonly reason?: string;
  readonly csr?: string;
}

export type Option = readonly [flags: string, description: string, fallback?: string];

export const always: readonly Option[] = [
  ['--dir <dir>', 'folder of all certificates', 'certs/mcp'],
  ['--json', 'print one JSON object'],
];
export const making: readonly Option[] = [
  ['--days <n>', 'days of validity, 1 to 36500 (MCP_CERT_DAYS, else 825)'],
  ['--key <type>', 'rsa-4096, ec-p256, ec-p384 or ed25519 (MCP_CERT_KEY, else rsa-4096)'],
];
export const leaf: readonly Option[] = [
  [
    '--trust-domain <name>',
    "host of the certificate's SPIFFE name (MCP_CERT_TRUST_DOMAIN, else sallyport.local)",
  ],
];
export const plugins: readonly Option[] = [
  [
    '--sans <list>',
    'more names for plugins, such as IP:127.0.0.1,DNS:host,URI:https://host/ (MCP_CERT_SANS)',
  ],
];

export const due: readonly Option[] = [
  [
    '--expires-in <time>',
    'what counts as due: 30d, 12h, 90m before its end, or the part of its life that is left, as 25% (default: a third)',
  ],
];
export const keeping: readonly Option[] = [
  ['--daemon', 'stay, and look again whenever something is due, until SIGTERM'],
  [
    '--exec <command>',
    'run this with `sh -c` when it has happened; with --daemon a failure is logged, and that is all',
  ],
];

/** An empty variable counts as unset: make passes on those that it was not given. */
export function variable(io: CommandIo, name: string): string | undefined {
  return io.env[name] || undefined;
}

/** The options of making certificates, from flags and then variables, checked. */
export async function parsedOptions(
  io: CommandIo,
  flags: Flags,
): Promise<import('../pki/index.js').EnsureOptions> {
  const { parseDays, parseKeyType, parseSans, parseTrustDomain } = await import('../pki/index.js');
  const parsed = <K extends string, V>(key: K, text: string | undefined, parse: (text: string) => V) =>
    (text === undefined ? {} : { [key]: parse(text) }) as { [P in K]?: V };
  return {
    dir: flags.dir,
    ...parsed('days', flags.days ?? variable(io, 'MCP_CERT_DAYS'), (text) => parseDays(text)),
    ...parsed('keyType', flags.key ?? variable(io, 'MCP_CERT_KEY'), parseKeyType),
    ...parsed('extraSans', flags.sans ?? variable(io, 'MCP_CERT_SANS'), parseSans),
    ...parsed('trustDomain', flags.trustDomain ?? variable(io, 'MCP_CERT_TRUST_DOMAIN'), parseTrustDomain),
  };
}

/** Runs `make` with the parsed options; on a terminal a line says how many keys are ready. */
export async function progressing<T>(
  io: CommandIo,
  make: (options: import('../pki/index.js').EnsureOptions) => Promise<T>,
  flags: Flags,
): Promise<T> {
  const options = await parsedOptions(io, flags);
  if (!io.interactive) return make(options);
  const clear = '\r\u001b[K';
  io.err('generating keys');
  try {
    return await make({
      ...options,
      onKey: ({ ready, wanted }) => io.err(`${clear}generating keys: ${ready} of ${wanted}`),
    });
  } finally {
    io.err(clear);
  }
}
