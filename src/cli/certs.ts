import { Command } from 'commander';
import { UsageError } from '../errors.js';
import { printChecked, printEnsured } from './certs-print.js';
import type { CommandIo } from './io.js';

/** The rooms are loaded by the actions: `--help` has no use for a certificate library. */
const pki = () => import('../pki/index.js');

const defaultConfig = 'plugins/external/config.yaml';

interface Flags {
  readonly dir: string;
  readonly json?: true;
  readonly days?: string;
  readonly key?: string;
  readonly sans?: string;
  readonly trustDomain?: string;
  readonly config?: string;
  readonly warnDays?: string;
}

type Option = readonly [flags: string, description: string, fallback?: string];

const always: readonly Option[] = [
  ['--dir <dir>', 'folder of all certificates', 'certs/mcp'],
  ['--json', 'print one JSON object'],
];
const making: readonly Option[] = [
  ['--days <n>', 'days of validity, 1 to 36500 (MCP_CERT_DAYS, else 825)'],
  ['--key <type>', 'rsa-4096, ec-p256, ec-p384 or ed25519 (MCP_CERT_KEY, else rsa-4096)'],
];
const leaf: readonly Option[] = [
  [
    '--trust-domain <name>',
    "host of the certificate's SPIFFE name (MCP_CERT_TRUST_DOMAIN, else sallyport.local)",
  ],
];
const plugins: readonly Option[] = [
  [
    '--sans <list>',
    'more names for plugins, such as IP:127.0.0.1,DNS:host,URI:https://host/ (MCP_CERT_SANS)',
  ],
];

interface Subcommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly (readonly Option[])[];
  readonly example: string;
  run(io: CommandIo, flags: Flags, name: string | undefined): Promise<void>;
}

const subcommands: readonly Subcommand[] = [
  {
    name: 'ca',
    summary: 'make the certificate authority, unless it is there',
    options: [always, making],
    example: 'sallyport certs ca --days 1825',
    run: async (io, flags) => {
      const { ensureCa } = await pki();
      await printEnsured(io, flags, [await progressing(io, ensureCa, flags)]);
    },
  },
  {
    name: 'gateway',
    summary: "make the gateway's client certificate, and the CA if needed",
    options: [always, making, leaf],
    example: 'sallyport certs gateway --key ec-p256',
    run: async (io, flags) => {
      const { ensureGateway } = await pki();
      await printEnsured(io, flags, await progressing(io, ensureGateway, flags));
    },
  },
  {
    name: 'plugin [NAME]',
    summary: "make a plugin's server certificate, and the CA if needed (NAME, else PLUGIN_NAME)",
    options: [always, making, leaf, plugins],
    example: 'sallyport certs plugin WordFilter --sans IP:127.0.0.1',
    run: async (io, flags, given) => {
      const name = given || variable(io, 'PLUGIN_NAME');
      if (name === undefined) {
        const usage = 'sallyport certs plugin NAME\nor: make certs-mcp-plugin PLUGIN_NAME=MyPlugin';
        throw UsageError({ message: 'the name of the plugin is missing', usage });
      }
      const { ensurePlugin } = await pki();
      await printEnsured(io, flags, await progressing(io, (options) => ensurePlugin(name, options), flags));
    },
  },
  {
    name: 'all',
    summary: 'make the CA, the gateway certificate and one for every external plugin of the config',
    options: [
      always,
      making,
      leaf,
      plugins,
      [['--config <file>', `plugin config (MCP_PLUGIN_CONFIG, else ${defaultConfig})`]],
    ],
    example: 'sallyport certs all --config plugins/external/config.yaml --days 365',
    run: async (io, flags) => {
      const { ensureAll } = await pki();
      const { externalPluginNames } = await import('../config/index.js');
      const path = flags.config ?? variable(io, 'MCP_PLUGIN_CONFIG') ?? defaultConfig;
      const configured = await externalPluginNames({ path, cwd: io.cwd, env: io.env });
      const names = configured ?? ['example-plugin-a', 'example-plugin-b'];
      const results = await progressing(io, (options) => ensureAll(names, options), flags);
      await printEnsured(io, flags, results, { path, found: configured !== undefined, names });
    },
  },
  {
    name: 'check',
    summary: 'print when each certificate ends, and what is wrong with any',
    options: [
      always,
      [['--warn-days <n>', 'days before its end from which a certificate is reported', '30']],
    ],
    example: 'sallyport certs check --warn-days 14',
    run: async (io, flags) => {
      const { checkCertificates, parseDays } = await pki();
      const warnDays = parseDays(flags.warnDays ?? '30', 0);
      await printChecked(io, flags, await checkCertificates({ dir: flags.dir, warnDays }));
    },
  },
];

/** The `certs` command: what the make targets `certs-mcp-*` call. */
export function certsCommand(io: CommandIo): Command {
  const command = new Command('certs')
    .description('make and check the certificates')
    .usage('<command> [options]')
    .argument('[command]')
    .action((word: string | undefined) => {
      const message = word === undefined ? 'certs needs a command' : `certs has no command '${word}'`;
      throw UsageError({ message, usage: `sallyport certs ${names.join(' | ')}` });
    })
    .addHelpText('after', '\nExample:\n  sallyport certs all && sallyport certs check')
    .helpCommand(false);
  for (const sub of subcommands) command.addCommand(subcommand(io, sub));
  return command;
}

const names = subcommands.map((sub) => sub.name.replace(/[[\]]/g, ''));

function subcommand(io: CommandIo, sub: Subcommand): Command {
  const command = new Command(sub.name.split(' ')[0]).description(sub.summary);
  const hasName = sub.name.includes('[NAME]');
  if (hasName) command.argument('[NAME]', 'name of the plugin');
  for (const [flags, description, fallback] of sub.options.flat())
    command.option(flags, description, fallback);
  command.addHelpText('after', `\nExample:\n  ${sub.example}`);
  command.action((...args: unknown[]) => {
    const name = hasName ? (args[0] as string | undefined) : undefined;
    return sub.run(io, command.opts<Flags>(), name);
  });
  return command;
}

/** An empty variable counts as unset: make passes on those that it was not given. */
function variable(io: CommandIo, name: string): string | undefined {
  return io.env[name] || undefined;
}

/** Runs `make` with the parsed options; on a terminal a line says how many keys are ready. */
async function progressing<T>(
  io: CommandIo,
  make: (options: import('../pki/index.js').EnsureOptions) => Promise<T>,
  flags: Flags,
): Promise<T> {
  const { parseDays, parseKeyType, parseSans, parseTrustDomain } = await pki();
  const parsed = <K extends string, V>(key: K, text: string | undefined, parse: (text: string) => V) =>
    (text === undefined ? {} : { [key]: parse(text) }) as { [P in K]?: V };
  const options = {
    dir: flags.dir,
    ...parsed('days', flags.days ?? variable(io, 'MCP_CERT_DAYS'), (text) => parseDays(text)),
    ...parsed('keyType', flags.key ?? variable(io, 'MCP_CERT_KEY'), parseKeyType),
    ...parsed('extraSans', flags.sans ?? variable(io, 'MCP_CERT_SANS'), parseSans),
    ...parsed('trustDomain', flags.trustDomain ?? variable(io, 'MCP_CERT_TRUST_DOMAIN'), parseTrustDomain),
  };
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
