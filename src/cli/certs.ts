import { Command } from 'commander';
import { FileUnreadable, UsageError } from '../errors.js';
import {
  always,
  due,
  type Flags,
  keeping,
  leaf,
  making,
  type Option,
  plugins,
  progressing,
  variable,
} from './certs-options.js';
import { printChecked, printEnsured } from './certs-print.js';
import { type CommandIo, commandWithSubcommands } from './io.js';

/** The rooms are loaded by the actions: `--help` has no use for a certificate library. */
const pki = () => import('../pki/index.js');

const defaultConfig = 'plugins/external/config.yaml';

interface Subcommand {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly (readonly Option[])[];
  readonly example: string;
  /** `words`: what was given beside the options. */
  run(io: CommandIo, flags: Flags, words: readonly string[]): Promise<void>;
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
    options: [
      always,
      making,
      leaf,
      plugins,
      [
        [
          '--csr <file>',
          'sign this request in place of making a key; NAME may be left to it, and of its names those in --sans are granted',
        ],
      ],
    ],
    example: 'sallyport certs plugin WordFilter --sans IP:127.0.0.1',
    run: async (io, flags, [given]) => {
      if (flags.csr !== undefined)
        return (await import('./certs-request.js')).signed(io, flags, flags.csr, given);
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
      // What is named by hand has to be there; the default, and what make passes on, need not.
      if (configured === undefined && flags.config !== undefined)
        throw FileUnreadable({ path, what: 'the configuration', reason: 'no such file' });
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
  {
    name: 'renew [NAME...]',
    summary: 'renew what is due: the gateway and plugins that are named, else all, and the revocation list',
    options: [
      always,
      [
        ['--all', 'all of them, which is what happens without a NAME too'],
        ['--force', 'what is not due as well; a revoked certificate only where it is named'],
      ],
      due,
      [
        ['--days <n>', 'days of validity (MCP_CERT_DAYS, else as many as the old one had)'],
        ['--key <type>', 'another kind of key (MCP_CERT_KEY, else the kind of the old one)'],
      ],
      keeping,
    ],
    example: "sallyport certs renew --daemon --exec 'systemctl reload sallyport'",
    run: async (io, flags, names) => (await import('./certs-renew.js')).renew(io, flags, names),
  },
  {
    name: 'needs-renewal <FILE|NAME>',
    summary:
      'whether a certificate is due: exit status 0 it is, 1 it is not, 2 it is missing, 3 it cannot be read',
    options: [always, due, keeping],
    example: 'sallyport certs needs-renewal certs/mcp/gateway/client.crt --expires-in 30d',
    run: async (io, flags, [what = '']) => (await import('./certs-renew.js')).askRenewal(io, flags, what),
  },
  {
    name: 'ca-rotate [STEP]',
    summary:
      'replace the CA in steps: prepare, activate, retire; undo takes back the first two; status, the default',
    options: [
      always,
      [
        [
          '--days <n>',
          'days of the new CA, or with activate of the certificates (MCP_CERT_DAYS, else as before)',
        ],
        ['--key <type>', 'kind of their keys (MCP_CERT_KEY, else as before)'],
      ],
    ],
    example: 'sallyport certs ca-rotate prepare && sallyport certs ca-rotate status',
    run: async (io, flags, [step]) => (await import('./certs-rotate.js')).rotate(io, flags, step || 'status'),
  },
  {
    name: 'revoke [WHAT]',
    summary: 'revoke a certificate: WHAT is a name, a file or a serial number (else PLUGIN_NAME)',
    options: [
      always,
      [
        ['--reason <word>', 'keyCompromise, superseded, cessationOfOperation, … (default unspecified)'],
        ['--days <n>', 'days until the list has to be made anew', '30'],
      ],
    ],
    example: 'sallyport certs revoke WordFilter --reason keyCompromise',
    run: async (io, flags, [given]) => (await import('./certs-revoke.js')).revoke(io, flags, given),
  },
  {
    name: 'crl',
    summary: 'make the revocation list, or make it anew where it ends soon, and bring it to every folder',
    options: [
      always,
      [
        ['--days <n>', 'days until it has to be made anew', '30'],
        ['--force', 'anew though it does not end soon'],
      ],
    ],
    example: 'sallyport certs crl --days 14',
    run: async (io, flags) => (await import('./certs-revoke.js')).refresh(io, flags),
  },
];

/** The `certs` command: what the make targets `certs-mcp-*` call. */
export function certsCommand(io: CommandIo): Command {
  const command = commandWithSubcommands('certs', names)
    .description('make and check the certificates')
    .addHelpText('after', '\nExample:\n  sallyport certs all && sallyport certs check');
  for (const sub of subcommands) command.addCommand(subcommand(io, sub));
  return command;
}

const names = subcommands.map((sub) => sub.name.replace(/[[\]]/g, ''));

function subcommand(io: CommandIo, sub: Subcommand): Command {
  const [name = '', argument] = sub.name.split(' ');
  const command = new Command(name).description(sub.summary);
  if (argument !== undefined) command.argument(argument);
  for (const [flags, description, fallback] of sub.options.flat())
    command.option(flags, description, fallback);
  command.addHelpText('after', `\nExample:\n  ${sub.example}`);
  command.action(() => {
    const flags = command.opts<Flags>();
    // What a shell makes of a variable that is not set would be this folder, and all that is in it.
    if (flags.dir.trim() === '')
      throw UsageError({ message: '--dir is empty', usage: `sallyport certs ${name} --help` });
    return sub.run(io, flags, command.args);
  });
  return command;
}
