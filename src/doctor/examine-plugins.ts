import { fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PluginEntry, PluginsConfig } from '../config/index.js';
import {
  asSallyError,
  ExternalOnServer,
  HookNotImplemented,
  HookUnknown,
  PluginModuleUnusable,
  type SallyError,
} from '../errors.js';
import { hookMeant } from '../hooks/index.js';
import { checkPlugin, isBundled } from '../manager/index.js';
import { locate } from '../plugin/module.js';
import { readFileText } from '../read-file.js';
import type { ConfigFacts, DoctorContext, PluginFacts, ProblemText } from './facts.js';
import { type HooksRead, ownImports, readHooks, unknownIn } from './hooks-in-source.js';

/** What a process that loads plugins is sent, and what it says of each, in their order. */
export interface LoadRequest {
  readonly entries: readonly PluginEntry[];
  readonly base: Pick<PluginsConfig, 'cwd' | 'folder'>;
  /** What each may take, of waiting, or of computing. */
  readonly withinMs: number;
}
/** How long it has waited for the module that it loads. What it could not do for want of a processor does not count. */
export interface LoadProgress {
  readonly waitedMs: number;
  /** Whether it will not end, or not in time. */
  readonly hangs: boolean;
}
/** By which a process ends that has computed for too long; the system ends those so that have a limit. */
export const busySignal = 'SIGXCPU';
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
    const { setup } = await checkPlugin(entry, base);
    const sources = isBundled(entry) ? [String(setup)] : await sourcesOf(entry.kind, base);
    return judgeHooks(entry, readHooks(sources));
  } catch (error) {
    return replyFor(asSallyError(error));
  }
}

const replyFor = (error: SallyError): LoadReply => ({ problem: textOf(error) });
const textOf = ({ code, message, remedy }: SallyError): ProblemText => ({ code, message, remedy });

/** What the program would say of the hooks of a plugin once it has set it up, as far as they can be read. */
function judgeHooks({ name: plugin, hooks: wanted = [] }: PluginEntry, read: HooksRead): LoadReply {
  const { named, whole, misspelt, words } = read;
  const where = `plugin '${plugin}', as its code reads,`;
  if (misspelt !== undefined)
    return replyFor(HookUnknown({ where, hook: misspelt, meant: hookMeant(misspelt) }));
  const missing = whole ? wanted.find((hook) => !named.includes(hook) && !words.has(hook)) : undefined;
  if (missing !== undefined) return replyFor(HookNotImplemented({ plugin, hook: missing, has: named }));
  const unknown = unknownIn(read);
  return unknown === undefined
    ? {}
    : { doubt: textOf(HookUnknown({ where, hook: unknown, meant: undefined })) };
}

/** So many files of its own a plugin has at most that are read for its hooks. */
const mostSources = 50;

/** The sources of the module of a `kind` and of what it imports of its own; of what is not a file, none. */
async function sourcesOf(kind: string, base: LoadRequest['base']): Promise<readonly string[]> {
  const first = await locate(kind.replace(/#[^#]*$/, ''), base);
  const urls = first?.startsWith('file:') ? [first] : [];
  const sources: string[] = [];
  for (let i = 0; i < urls.length && i < mostSources; i += 1) {
    const url = urls[i] ?? '';
    const source = await readFileText(fileURLToPath(url)).catch(() => undefined);
    if (source === undefined) continue;
    sources.push(source);
    for (const path of ownImports(source)) {
      // CommonJS leaves endings out.
      const found = [path, `${path}.js`, `${path}.cjs`, `${path}/index.js`].map(
        (one) => new URL(one, url).href,
      );
      const next = found.find((one) => isFile(one));
      if (next !== undefined && !urls.includes(next)) urls.push(next);
    }
  }
  return sources;
}

const isFile = (url: string): boolean => statSync(new URL(url), { throwIfNoEntry: false })?.isFile() ?? false;

/** The replies of another process, up to the first plugin that it does not come back from, which has one too. */
async function loadElsewhere(
  entries: readonly PluginEntry[],
  { cwd, folder }: PluginsConfig,
  {
    env,
    loadWithinMs = 20_000,
    loader = new URL('./loading.js', import.meta.url),
    onLook = () => {},
  }: DoctorContext,
): Promise<readonly LoadReply[]> {
  const replies: LoadReply[] = [];
  const child = fork(loader, { cwd, env, execArgv: [], stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  const reason = await new Promise<string | undefined>((resolve) => {
    child.on('message', (reply: LoadReply | LoadProgress) => {
      if ('waitedMs' in reply) {
        const { name } = entries[replies.length] ?? {};
        onLook(
          `plugin ${name}, which loads, seconds`,
          Math.floor(reply.waitedMs / 1000),
          loadWithinMs / 1000,
        );
        if (reply.hangs) resolve(hangsFor(reply.waitedMs));
        return;
      }
      replies.push(reply);
      if (replies.length === entries.length) resolve(undefined);
    });
    child.once('error', (error) => resolve(`it could not be loaded: ${error.message}`));
    child.once('exit', (status, signal) =>
      resolve(
        signal === busySignal
          ? hangsFor(loadWithinMs)
          : `it ends its process (${signal ?? `exit status ${status}`})`,
      ),
    );
    const base = { cwd, folder };
    child.send({ entries, base, withinMs: loadWithinMs } satisfies LoadRequest, () => {});
  });
  child.kill('SIGKILL');
  const entry = entries[replies.length];
  if (reason !== undefined && entry !== undefined)
    replies.push(replyFor(PluginModuleUnusable({ plugin: entry.name, kind: entry.kind, reason })));
  return replies;
}

const hangsFor = (ms: number) =>
  `it has not loaded within ${ms / 1000} s: something at its top level does not end`;
