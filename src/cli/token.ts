import { resolve } from 'node:path';
import { Command } from 'commander';
import { TokenNotFound, UsageError } from '../errors.js';
import type { TokenRecord } from '../gateway/auth/index.js';
import { paint } from '../terminal.js';
import { type CommandIo, columns, commandWithSubcommands } from './io.js';

/** The room is loaded by the actions: `--help` has no use for it. */
const oauth = () => import('../oauth/index.js');
const auth = () => import('../gateway/auth/index.js');

interface Flags {
  readonly file: string;
  readonly user?: string;
  readonly tenant?: string;
  readonly server?: readonly string[];
  readonly group?: readonly string[];
  readonly expiresIn?: string;
  readonly json?: true;
}

/** `sallyport token`: the file that `gateway.auth.tokens_file` names. */
export function tokenCommand(io: CommandIo): Command {
  const command = commandWithSubcommands('token', ['create', 'list', 'revoke', 'forget'])
    .description(
      'make, list and revoke the tokens of clients of the gateway, list and forget those of its users for upstreams',
    )
    .addHelpText('after', `\n${help}`);
  const sub = (name: string, summary: string, example: string) => {
    const made = new Command(name)
      .description(summary)
      .requiredOption('--file <path>', 'the tokens file, as gateway.auth.tokens_file names it')
      .option('--json', 'print JSON')
      .addHelpText('after', `\nExample:\n  ${example}`);
    command.addCommand(made);
    return made;
  };
  sub(
    'create',
    'make a token and print it: this once, for the file holds only its hash',
    'sallyport token create --file tokens.json --user ada@example.org --tenant research --expires-in 90d',
  )
    .requiredOption('--user <name>', 'whose token it is')
    .option('--tenant <name>', 'whose user that is')
    .option('--server <name...>', 'bind it to these virtual servers: all else is refused')
    .option('--group <name...>', 'groups that the user is in, for rules')
    .option('--expires-in <time>', 'how long it is valid: 12h, 90d, 52w, or never', '90d')
    .action(async (flags: Flags) => create(io, flags));
  sub(
    'list',
    'print what tokens there are, without the tokens',
    'sallyport token list --file tokens.json',
  ).action(async (flags: Flags) => list(io, flags));
  sub(
    'revoke',
    'take tokens out of the file: a running gateway refuses them a second later',
    'sallyport token revoke --file tokens.json k3v7qmza',
  )
    .argument('<id...>', 'their ids, as list prints them')
    .action(async (ids: string[], flags: Flags) => revoke(io, ids, flags));
  sub(
    'forget',
    'take tokens for upstreams out of tokens_file of gateway.oauth: a second later their users are asked again',
    'sallyport token forget --file upstream-tokens.json 4f0c2a9b81de',
  )
    .argument('<id...>', 'their ids, as list prints them')
    .action(async (ids: string[], flags: Flags) => forget(io, ids, flags));
  return command;
}

const help = `A client sends its token with every request: Authorization: Bearer sally_…

Example:
  sallyport token create --file tokens.json --user ada@example.org`;

async function create(
  io: CommandIo,
  { file, user = '', tenant, server: servers, group: groups, expiresIn = '90d', json }: Flags,
): Promise<void> {
  const { changeTokens, makeToken } = await auth();
  if ([user, tenant ?? 'none', ...(groups ?? [])].some((name) => name.trim() === ''))
    throw UsageError({
      message: 'a name is empty',
      usage: 'sallyport token create --user NAME [--tenant NAME] [--group NAME…]',
    });
  const created = new Date();
  const ms = lifetime(expiresIn);
  const expires = ms === undefined ? null : new Date(created.getTime() + ms);
  const { token, record } = makeToken({ user, tenant, servers, groups, created, expires });
  await changeTokens(resolve(io.cwd, file), (records) => [...records, record]);
  const { sha256, ...shown } = record;
  if (json) io.out(`${JSON.stringify({ token, ...shown })}\n`);
  else {
    // The token alone is on standard output: `TOKEN=$(sallyport token create …)` works.
    io.out(`${token}\n`);
    const end = record.expires === null ? 'it does not end' : `it ends ${record.expires}`;
    const bound = servers ? `for ${servers.map((name) => `/servers/${name}/mcp`).join(', ')} alone; ` : '';
    io.err(`token ${record.id} of ${user}: ${bound}${end}; it is not shown again\n`);
  }
}

const units: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

function lifetime(text: string): number | undefined {
  if (text === 'never') return undefined;
  const [, count, unit = ''] = /^([1-9]\d{0,5})([mhdw])$/.exec(text) ?? [];
  if (count !== undefined) return Number(count) * (units[unit] ?? 0);
  throw UsageError({
    message: `--expires-in is '${text}'`,
    usage: 'give a time such as 12h, 90d, 52w, or never',
  });
}

async function list(io: CommandIo, { file, json }: Flags): Promise<void> {
  const { isVault, readVault } = await oauth();
  if (await isVault(resolve(io.cwd, file))) {
    const shown = (await readVault(resolve(io.cwd, file))).map(({ sealed, ...entry }) => entry);
    if (json) return io.out(`${JSON.stringify(shown, null, 2)}\n`);
    const cells = shown.map(({ id, upstream, user, created }) => [id, upstream, user, created.slice(0, 10)]);
    const [head, ...lines] = columns([['id', 'upstream', 'user', 'renewed'], ...cells]);
    return io.out([paint(io, 'bold', head ?? ''), ...lines, ''].join('\n'));
  }
  const { readTokens } = await auth();
  const records = await readTokens(resolve(io.cwd, file));
  const rows = records.map(({ sha256, ...shown }) => ({ ...shown, expired: isOver(shown.expires) }));
  if (json) {
    io.out(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const bound = rows.some(({ servers }) => servers !== undefined);
  const cells = rows.map(({ id, user, tenant, servers, created, expires, expired }) => {
    const end = expires === null ? 'never' : `${expires.slice(0, 16)}Z${expired ? ' (expired)' : ''}`;
    const at = bound ? [servers?.join(',') ?? '-'] : [];
    return [id, user, tenant ?? '-', ...at, created.slice(0, 10), end];
  });
  const titles = ['id', 'user', 'tenant', ...(bound ? ['servers'] : []), 'made', 'ends'];
  const [head, ...lines] = columns([titles, ...cells]);
  io.out(`${paint(io, 'bold', head ?? '')}\n`);
  lines.forEach((line, i) => {
    io.out(`${rows[i]?.expired ? paint(io, 'dim', line) : line}\n`);
  });
}

const isOver = (expires: string | null) => expires !== null && Date.parse(expires) <= Date.now();

async function revoke(io: CommandIo, ids: readonly string[], { file, json }: Flags): Promise<void> {
  const { changeTokens } = await auth();
  const without = (records: readonly TokenRecord[]) => {
    const missing = ids.find((id) => !records.some((record) => record.id === id));
    if (missing !== undefined) throw TokenNotFound({ id: missing, path: file });
    return records.filter(({ id }) => !ids.includes(id));
  };
  await changeTokens(resolve(io.cwd, file), without, 'error');
  io.out(json ? `${JSON.stringify({ revoked: ids })}\n` : `revoked: ${ids.join(', ')}\n`);
}

async function forget(io: CommandIo, ids: readonly string[], { file, json }: Flags): Promise<void> {
  const { changeVault } = await oauth();
  await changeVault(resolve(io.cwd, file), (entries) => {
    const missing = ids.find((id) => !entries.some((entry) => entry.id === id));
    if (missing !== undefined) throw TokenNotFound({ id: missing, path: file });
    return entries.filter(({ id }) => !ids.includes(id));
  });
  io.out(json ? `${JSON.stringify({ forgotten: ids })}\n` : `forgotten: ${ids.join(', ')}\n`);
}
