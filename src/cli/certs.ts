import { Command } from 'commander';
import { UsageError } from '../errors.js';
import type { Flags } from './certs-make.js';
import { type CommandIo, commandWithSubcommands } from './io.js';

/** What the commands do is loaded by them: `--help` has no use for a certificate library. */
const make = () => import('./certs-make.js');
const keep = () => import('./certs-keep.js');
const renewal = () => import('./certs-renew.js');

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

const due: readonly Option[] = [
  [
    '--expires-in <time>',
    'what counts as due: 30d, 12h, 90m before its end, or the part of its life that is left, as 25% (default: a third)',
  ],
];
const keeping: readonly Option[] = [
  ['--daemon', 'stay, and look again whenever something is due, until SIGTERM'],
  [
    '--exec <command>',
    'run this with `sh -c` when it has happened; with --daemon a failure is logged, and that is all',
  ],
  ['--log-format <format>', 'with --daemon, lines of the log: json, pretty or ecs, in place of LOG_FORMAT'],
];

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
    options: [
      always,
      making,
      [
        [
          '--encrypt',
          'encrypt its key, also one that is there; the password, then wanted by all that signs, is asked for on a terminal (MCP_CERT_CA_PASSWORD)',
        ],
      ],
    ],
    example: 'sallyport certs ca --days 1825 --encrypt',
    run: async (io, flags) => (await make()).ca(io, flags),
  },
  {
    name: 'gateway',
    summary: "make the gateway's client certificate, and the CA if needed",
    options: [always, making, leaf],
    example: 'sallyport certs gateway --key ec-p256',
    run: async (io, flags) => (await make()).gateway(io, flags),
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
    run: async (io, flags, [given]) => (await make()).plugin(io, flags, given),
  },
  {
    name: 'all',
    summary: 'make the CA, the gateway certificate and one for every external plugin of the config',
    options: [
      always,
      making,
      leaf,
      plugins,
      [['--config <file>', 'plugin config (MCP_PLUGIN_CONFIG, else plugins/external/config.yaml)']],
    ],
    example: 'sallyport certs all --config plugins/external/config.yaml --days 365',
    run: async (io, flags) => (await make()).all(io, flags),
  },
  {
    name: 'check [FILE...]',
    summary:
      'print when each certificate ends, and what is wrong with any; of FILE, in PEM or PKCS #12 (password: MCP_CERT_PFX_PASSWORD, else asked for on a terminal), in place of the folder',
    options: [
      always,
      [
        ['--warn-days <n>', 'days before its end from which a certificate is reported', '30'],
        ['--verbose', 'print a line for each plugin, also where many are well'],
      ],
    ],
    example: 'sallyport certs check --warn-days 14',
    run: async (io, flags, names) =>
      names.length > 0
        ? (await import('./certs-files.js')).checkFiles(io, flags, names)
        : (await import('./certs-check.js')).check(io, flags),
  },
  {
    name: 'renew [NAME...]',
    summary:
      'renew what is due: the gateway and plugins that are named, else all, and the revocation list; exit status 1 where the CA ends too early for them',
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
        [
          '--rotate-ca',
          'replace the CA once a third of its life is left: prepare, activate and retire, each when the one before is in every folder and --rotate-wait has passed',
        ],
        ['--rotate-wait <time>', 'how long hosts get to take the folders of a step (default: 7d)'],
      ],
      keeping,
    ],
    example: "sallyport certs renew --daemon --rotate-ca --exec 'systemctl reload sallyport'",
    run: async (io, flags, names) => (await renewal()).renew(io, flags, names),
  },
  {
    name: 'needs-renewal <FILE|NAME>',
    summary:
      'whether a certificate is due: exit status 0 it is, 1 it is not, 2 it is missing, 3 it cannot be read',
    options: [always, due, keeping],
    example: 'sallyport certs needs-renewal certs/mcp/gateway/client.crt --expires-in 30d',
    run: async (io, flags, [what = '']) => (await renewal()).askRenewal(io, flags, what),
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
          'days of the new CA, or with activate of the certificates (MCP_CERT_DAYS, else as before; a CA 825 at least)',
        ],
        ['--key <type>', 'kind of their keys (MCP_CERT_KEY, else as before)'],
      ],
    ],
    example: 'sallyport certs ca-rotate prepare && sallyport certs ca-rotate status',
    run: async (io, flags, [step]) => (await keep()).rotate(io, flags, step || 'status'),
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
    run: async (io, flags, [given]) => (await keep()).revoke(io, flags, given),
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
    run: async (io, flags) => (await keep()).refresh(io, flags),
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
