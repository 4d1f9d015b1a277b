import { basename } from 'node:path';
import { externalPluginNames } from '../config/index.js';
import { FileUnreadable, fileReason, UsageError } from '../errors.js';
import {
  type EnsureOptions,
  type EnsureResult,
  ensureAll,
  ensureCa,
  ensureGateway,
  ensurePlugin,
  makeCommand,
  opensslDate,
  parseDays,
  parseKeyType,
  parseSans,
  parseTrustDomain,
  signRequest,
} from '../pki/index.js';
import { readFileText } from '../read-file.js';
import { paint, progressOn } from '../terminal.js';
import { type CommandIo, columns } from './io.js';

export interface Flags {
  readonly dir: string;
  readonly json?: true;
  readonly days?: string;
  readonly key?: string;
  readonly sans?: string;
  readonly trustDomain?: string;
  readonly config?: string;
  readonly warnDays?: string;
  readonly verbose?: true;
  readonly all?: true;
  readonly expiresIn?: string;
  readonly force?: true;
  readonly daemon?: true;
  readonly logFormat?: string;
  readonly exec?: string;
  readonly reason?: string;
  readonly csr?: string;
  readonly encrypt?: true;
  readonly rotateCa?: true;
  readonly rotateWait?: string;
}

/** The configuration that `certs all` reads, from the working directory. */
const defaultConfig = 'plugins/external/config.yaml';

/** An empty variable counts as unset: make passes on those that it was not given. */
export function variable(io: CommandIo, name: string): string | undefined {
  return io.env[name] || undefined;
}

/** The options of making certificates, from flags and then variables, checked. */
export function parsedOptions(io: CommandIo, flags: Flags): EnsureOptions {
  const parsed = <K extends string, V>(key: K, text: string | undefined, parse: (text: string) => V) =>
    (text === undefined ? {} : { [key]: parse(text) }) as { [P in K]?: V };
  return {
    dir: flags.dir,
    ...parsed('days', flags.days ?? variable(io, 'MCP_CERT_DAYS'), (text) => parseDays(text)),
    ...parsed('keyType', flags.key ?? variable(io, 'MCP_CERT_KEY'), parseKeyType),
    ...parsed('extraSans', flags.sans ?? variable(io, 'MCP_CERT_SANS'), parseSans),
    ...parsed('trustDomain', flags.trustDomain ?? variable(io, 'MCP_CERT_TRUST_DOMAIN'), parseTrustDomain),
    ...(flags.encrypt ? { encryptCaKey: true } : {}),
    ...passwordFrom(io),
  };
}

/** The password of the CA's key: the variable, else what is typed once where somebody can. */
export function passwordFrom(io: CommandIo): Pick<EnsureOptions, 'caPassword'> {
  const given = variable(io, 'MCP_CERT_CA_PASSWORD');
  let asked: Promise<string | undefined> | undefined;
  const typedFor = (description: string) => typedPassword(io, description);
  const ask = async (path: string, isNew: boolean) => {
    const typed = await typedFor(`${isNew ? 'new password for' : 'password of'} ${path}`);
    if (!typed || !isNew || (await typedFor('the same again')) === typed) return typed;
    throw UsageError({ message: 'the two passwords differ', usage: 'run it again, and type the same twice' });
  };
  return {
    caPassword:
      given ??
      (({ path, isNew }) => {
        asked ??= ask(path, isNew);
        return asked;
      }),
  };
}

/** A password that is typed, where somebody can. */
export async function typedPassword(io: CommandIo, description: string): Promise<string | undefined> {
  if (!io.interactive || !process.stdin.isTTY) return undefined;
  io.err(clear);
  return (await import('./ask.js')).askOnTerminal({ id: 'password', description, password: true });
}

/** Begins the line of a terminal anew. */
const clear = '\r\u001b[K';

/** Runs `make` with the parsed options; on a terminal a line says how many keys are ready. */
export async function progressing<T>(
  io: CommandIo,
  make: (options: EnsureOptions) => Promise<T>,
  flags: Flags,
): Promise<T> {
  const options = parsedOptions(io, flags);
  const progress = progressOn(io.stderr, io.err);
  progress.show('generating keys');
  try {
    return await make({
      ...options,
      onKey: ({ ready, wanted }) => progress.show(`generating keys: ${ready} of ${wanted}`),
    });
  } finally {
    progress.clear();
  }
}

/** `sallyport certs ca`. */
export async function ca(io: CommandIo, flags: Flags): Promise<void> {
  printEnsured(io, flags, [await progressing(io, ensureCa, flags)]);
}

/** `sallyport certs gateway`. */
export async function gateway(io: CommandIo, flags: Flags): Promise<void> {
  printEnsured(io, flags, await progressing(io, ensureGateway, flags));
}

/** `sallyport certs plugin`. */
export async function plugin(io: CommandIo, flags: Flags, given: string | undefined): Promise<void> {
  if (flags.csr !== undefined) return signed(io, flags, flags.csr, given);
  const name = given || variable(io, 'PLUGIN_NAME');
  if (name === undefined) {
    const usage = 'sallyport certs plugin NAME';
    throw UsageError({ message: 'the name of the plugin is missing', usage });
  }
  printEnsured(io, flags, await progressing(io, (options) => ensurePlugin(name, options), flags));
}

/** `sallyport certs all`. */
export async function all(io: CommandIo, flags: Flags): Promise<void> {
  const path = flags.config ?? variable(io, 'MCP_PLUGIN_CONFIG') ?? defaultConfig;
  const configured = await externalPluginNames({ path, cwd: io.cwd, env: io.env });
  // What is named by hand has to be there; the default, and what make passes on, need not.
  if (configured === undefined && flags.config !== undefined)
    throw FileUnreadable({ path, what: 'the configuration', reason: 'no such file' });
  const names = configured ?? ['example-plugin-a', 'example-plugin-b'];
  const results = await progressing(io, (options) => ensureAll(names, options), flags);
  printEnsured(io, flags, results, { path, found: configured !== undefined, names });
}

/** `sallyport certs plugin --csr`. */
async function signed(io: CommandIo, flags: Flags, path: string, given: string | undefined): Promise<void> {
  const pem = await readFileText(path).catch((error: unknown) => {
    throw FileUnreadable({ path, what: 'the request', reason: fileReason(error) }, error);
  });
  const name = given || variable(io, 'PLUGIN_NAME');
  const named = name === undefined ? {} : { name };
  const result = await progressing(io, (options) => signRequest(pem, { ...options, ...named, path }), flags);
  printEnsured(io, flags, [result]);
}

interface Format {
  readonly dir: string;
  readonly json?: true;
}

interface ConfigUsed {
  readonly path: string;
  readonly found: boolean;
  readonly names: readonly string[];
}

const titles = { ca: 'CA', gateway: 'gateway', plugin: 'plugin' } as const;
const outcomeStyles = { made: 'green', repaired: 'yellow', kept: 'dim' } as const;

/** A line for each folder that was made or kept, its notes, and what to do next. */
function printEnsured(
  io: CommandIo,
  { dir, json }: Format,
  results: readonly EnsureResult[],
  config?: ConfigUsed,
): void {
  if (json) {
    const used = config ? { config: { path: config.path, found: config.found } } : {};
    io.out(`${JSON.stringify({ dir, ...used, results }, null, 2)}\n`);
    return;
  }
  const { lines, style } = configLine(config);
  for (const line of lines) io.out(`${paint(io, style, line)}\n\n`);
  const rows = columns(
    results.map((result) => [
      result.outcome.padEnd('repaired'.length),
      [titles[result.role], result.name].filter(Boolean).join(' '),
      result.folder,
      result.made.length > 0
        ? result.made.map((path) => basename(path)).join(' ')
        : `as it was, ends ${opensslDate(result.notAfter)}`,
    ]),
  );
  for (const [i, result] of results.entries())
    printRow(io, rows[i] ?? '', 'repaired'.length, outcomeStyles[result.outcome], result.notes);
  io.out(`\nNext: ${paint(io, 'cyan', makeCommand(dir, { role: 'check' }))}\n`);
}

/** A row that begins with a word in a colour, and its notes below. */
export function printRow(
  io: CommandIo,
  row: string,
  word: number,
  style: Parameters<typeof paint>[1],
  notes: readonly string[],
): void {
  io.out(`  ${paint(io, style, row.slice(0, word))}${row.slice(word)}\n`);
  for (const note of notes) io.out(`  ${' '.repeat(word)}  ${paint(io, 'yellow', `note: ${note}`)}\n`);
}

function configLine(config: ConfigUsed | undefined): { lines: readonly string[]; style: 'yellow' | 'dim' } {
  if (config === undefined) return { lines: [], style: 'dim' };
  if (!config.found) {
    return {
      lines: [`There is no ${config.path}: making certificates for ${config.names.join(' and ')}`],
      style: 'yellow',
    };
  }
  const count = config.names.length;
  return { lines: [`${config.path} names ${count} external plugin${count === 1 ? '' : 's'}`], style: 'dim' };
}
