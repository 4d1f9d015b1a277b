import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { PluginEntry, PluginsConfig } from '../config/index.js';
import {
  asSallyError,
  ExternalOnServer,
  HookUnknown,
  PluginModuleUnusable,
  type SallyError,
} from '../errors.js';
import { hookMeant } from '../hooks/index.js';
import { checkPlugin, isBundled } from '../manager/index.js';
import { locate } from '../plugin/module.js';
import type { ConfigFacts, DoctorContext, PluginFacts } from './facts.js';

/** What a process that loads plugins is sent, and what it says of each, in their order. */
export interface LoadRequest {
  readonly entries: readonly PluginEntry[];
  readonly base: Pick<PluginsConfig, 'cwd' | 'folder'>;
}
export type LoadReply = Omit<PluginFacts, 'name'>;

/**
 * Loads what the program of a configuration would load of its plugins, and sets none up. Code that does not come with this
 * package runs in a process of its own: the top level of a module may print, hang, or end its process.
 */
export async function examinePlugins(
  config: PluginsConfig,
  side: ConfigFacts['side'],
  context: DoctorContext,
): Promise<readonly PluginFacts[]> {
  const enabled = config.plugins.filter(({ mode }) => mode !== 'disabled');
  const found = new Map<string, LoadReply>();
  for (const { name, kind } of enabled)
    if (kind === 'external')
      found.set(name, side === 'server' ? replyFor(ExternalOnServer({ plugins: [name] })) : {});
  const local = enabled.filter(({ kind }) => kind !== 'external');
  for (const entry of local.filter(isBundled)) found.set(entry.name, await replyOf(entry, config));
  // One that takes its process with it costs the others nothing but another one.
  for (let left = local.filter((entry) => !isBundled(entry)); left.length > 0; ) {
    const replies = await loadElsewhere(left, config, context);
    for (const [i, reply] of replies.entries()) found.set(left[i]?.name ?? '', reply);
    left = left.slice(replies.length);
  }
  return enabled.map(({ name }) => ({ name, ...found.get(name) }));
}

/** What loading a plugin comes to, in this process. */
export async function replyOf(entry: PluginEntry, base: LoadRequest['base']): Promise<LoadReply> {
  try {
    await checkPlugin(entry, base);
    const hook = misspeltIn(await sourceOf(entry.kind, base));
    if (hook === undefined) return {};
    const { code, message, remedy } = HookUnknown({
      where: `plugin '${entry.name}', as its code reads,`,
      hook,
      meant: hookMeant(hook),
    });
    return { doubt: { code, message, remedy } };
  } catch (error) {
    return replyFor(asSallyError(error));
  }
}

const replyFor = ({ code, message, remedy }: SallyError): LoadReply => ({
  problem: { code, message, remedy },
});

/** The source of the module of a `kind`; of what is not a file, none. */
async function sourceOf(kind: string, base: LoadRequest['base']): Promise<string> {
  const url = locate(kind.replace(/#[^#]*$/, ''), base);
  return url === undefined ? '' : readFile(new URL(url), 'utf8').catch(() => '');
}

/** Names of keys and methods that begin as those of hooks do. */
const hookLike = /(?<![\w$.])((?:tool|prompt|resource|agent|http)s?[_A-Z]\w{4,40})['"]?\s*[:(=]/g;

/**
 * A hook that is misspelt in the source of a plugin, as far as reading can tell: something near a hook is named there, and
 * the hook itself is not. Which hooks a plugin has is else known only once it is set up, which nobody does here.
 */
function misspeltIn(source: string): string | undefined {
  if (/\bforeignHooks\b/.test(source)) return undefined;
  return [...source.matchAll(hookLike)]
    .map(([, name = '']) => name)
    .find((name) => {
      const meant = hookMeant(name);
      return meant !== undefined && !new RegExp(`\\b${meant}\\b`).test(source);
    });
}

/** The replies of another process, up to the first plugin that it does not come back from, which has one too. */
async function loadElsewhere(
  entries: readonly PluginEntry[],
  { cwd, folder }: PluginsConfig,
  { env, timeoutMs, loader = new URL('./loading.js', import.meta.url) }: DoctorContext,
): Promise<readonly LoadReply[]> {
  const replies: LoadReply[] = [];
  const child = fork(loader, { cwd, env, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const reason = await new Promise<string | undefined>((resolve) => {
    const hangs = `it has not loaded within ${timeoutMs / 1000} s: something at its top level does not end`;
    let timer: NodeJS.Timeout | undefined;
    const within = (ms: number) => {
      clearTimeout(timer);
      timer = setTimeout(() => resolve(hangs), ms);
    };
    within(startMs);
    child.on('message', (reply: LoadReply | 'ready') => {
      if (reply !== 'ready') replies.push(reply);
      if (replies.length === entries.length) resolve(undefined);
      // Each has the time for itself.
      else within(timeoutMs);
    });
    child.once('exit', () => clearTimeout(timer));
    child.once('error', (error) => resolve(`it could not be loaded: ${error.message}`));
    child.once('exit', (status, signal) =>
      resolve(`it ends its process (${signal ?? `exit status ${status}`})`),
    );
    child.send({ entries, base: { cwd, folder } } satisfies LoadRequest, () => {});
  });
  child.kill('SIGKILL');
  const entry = entries[replies.length];
  if (reason !== undefined && entry !== undefined)
    replies.push(replyFor(PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, reason })));
  return replies;
}

/** What a process takes to start and to load this package, at most. */
const startMs = 10_000;
