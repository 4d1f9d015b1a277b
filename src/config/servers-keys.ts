import { upstreamKeys } from './keys.js';
import { type Keys, optional } from './schema.js';

const text = { kind: 'text' } as const;
const texts = { kind: 'texts' } as const;
const boolean = { kind: 'boolean' } as const;
const { command, args, env, cwd, url, headers, proxy, share } = upstreamKeys;
const onlyThese = optional(texts, 'the tools that are offered, and no others');
const notThese = optional(texts, 'tools that are not offered, whatever else says so');

/** What counts of a server in the files in which editors and desktop clients keep theirs, in any of their spellings. */
export const honouredKeys = {
  type: optional(
    text,
    'stdio or local; http, streamable-http (in any spelling) or remote; sse. With one that only its editor has, the server is left out',
  ),
  transport: optional(text, 'another name of type'),
  command,
  cmd: command,
  args,
  env,
  envs: env,
  environment: env,
  envFile: optional({ kind: 'path' }, 'a file of variables, over which those of env stand'),
  cwd,
  workingDirectory: cwd,
  working_directory: cwd,
  url: optional(url.type, 'where MCP is served over HTTP; unix:///path/of/socket#/path, too'),
  serverUrl: url,
  httpUrl: url,
  uri: url,
  headers,
  proxy,
  requestOptions: optional({ kind: 'dict' }, 'its headers; the rest has no effect'),
  disabled: optional(boolean, 'whether the server is left out'),
  enabled: optional(boolean, 'the opposite of disabled'),
  timeout: optional(
    { kind: 'seconds', max: 86_400_000 },
    'how long it has for one request: up to 3600 it is seconds, above that milliseconds',
  ),
  share,
  tool_timeouts: upstreamKeys.tool_timeouts,
  toolTimeouts: upstreamKeys.tool_timeouts,
  max_total_timeout: upstreamKeys.max_total_timeout,
  maxTotalTimeout: upstreamKeys.max_total_timeout,
  includeTools: onlyThese,
  enabledTools: onlyThese,
  allowedTools: onlyThese,
  tools: optional(texts, 'the tools that are offered, and no others; * stands for all'),
  available_tools: optional(texts, 'the tools that are offered, and no others; all where it is empty'),
  excludeTools: notThese,
  disabledTools: notThese,
} as const satisfies Keys;

const asksUser = 'by it an editor knows when to ask its user; the gateway asks nobody';
const signsIn =
  'the gateway does not sign in as an editor does: give headers with a token, or put the server into a file with a gateway block and an oauth block';
const aboutEntry = 'it only describes the entry';
const development = 'it is for those who develop the server, in their editor';
const waiting = 'the gateway waits for servers as long as they take, and tries again';
const elsewhere = 'it is what the editor itself, or a store of its own, does with the entry';

/** What has no effect, which is said where it stands, and why. */
const idleKeys: Readonly<Record<string, string>> = {
  alwaysAllow: asksUser,
  autoApprove: asksUser,
  autoApproveAll: asksUser,
  trust: asksUser,
  oauth: signsIn,
  auth: signsIn,
  authProviderType: signsIn,
  targetAudience: signsIn,
  targetServiceAccount: signsIn,
  headersHelper: signsIn,
  apiKey: signsIn,
  env_keys: 'the keyring of the editor is not read: give the variables in env',
  dev: development,
  debug: development,
  watch: development,
  watchPaths: development,
  connectionTimeout: waiting,
  initTimeout: waiting,
  startupTimeout: waiting,
  name: aboutEntry,
  displayName: aboutEntry,
  title: aboutEntry,
  description: aboutEntry,
  icon: aboutEntry,
  version: aboutEntry,
  gallery: aboutEntry,
  registry: aboutEntry,
  tags: aboutEntry,
  note: aboutEntry,
  source: elsewhere,
  settings: elsewhere,
  extensionName: elsewhere,
  bundled: elsewhere,
  alwaysLoad: elsewhere,
  sandbox: 'it is the rules of sandboxEnabled',
};

/** What keeps a server out: without it the server could do more than its owner lets it. `false` is as good as nothing. */
const refusedKeys: Readonly<Record<string, string>> = {
  sandboxEnabled:
    'the gateway has no sandbox: remove it, or have command start the server in a sandbox of your own',
};

/** One row of the table of these keys. */
export interface ServerKeyRow {
  readonly key: string;
  readonly becomes: 'counts' | 'no effect' | 'left out';
  readonly meaning: string;
}

/** Every key of a server in such files that is known here, and what becomes of it. */
export const serverKeyTable: readonly ServerKeyRow[] = [
  ...Object.entries(honouredKeys).map(([key, { meaning }]) => ({ key, becomes: 'counts' as const, meaning })),
  ...Object.entries(refusedKeys).map(([key, meaning]) => ({ key, becomes: 'left out' as const, meaning })),
  ...Object.entries(idleKeys).map(([key, meaning]) => ({ key, becomes: 'no effect' as const, meaning })),
];

const rows = new Map(serverKeyTable.map((row) => [row.key, row]));

/**
 * What becomes of a key; undefined where it is not known. Keys of a store and comments begin with what no name does
 * (`_comment`, `$schema`, `//`).
 */
export function serverKey(key: string): ServerKeyRow | undefined {
  const row = rows.get(key);
  if (row !== undefined || !/^[_$/#]/.test(key)) return row;
  return { key, becomes: 'no effect', meaning: aboutEntry };
}
