import { join, resolve } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../../src/config/index.js';
import type { SallyError } from '../../../src/errors.js';
import type { Logger } from '../../../src/log.js';
import { openPluginManager, type PluginManager } from '../../../src/manager/index.js';
import { commandPath } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { patience } from '../../support/patience.js';
import { clientTls, startPluginServer, writeConfig } from '../../support/plugin-server.js';

const plugins = resolve(import.meta.dirname, '../../support/plugins');
const who = { name: 'Who', kind: join(plugins, 'who.mjs') };
const settings = { plugin_timeout: 0.5, plugin_probe_interval: 1 };
/**
 * Three, and those that wait for the probe for no longer than they may: half a second each of its two seconds, which are
 * counted in pieces and last up to twice as long where the machine is busy.
 */
const mostTimeouts = 3 + 8;

/** A log that is waited on. */
function heardLog() {
  const lines: { level: string; code?: unknown; message: string }[] = [];
  const waiting = new Set<() => void>();
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, code: (fields as { code?: unknown }).code, message });
    for (const check of waiting) check();
  };
  const log: Logger = { debug: () => {}, info: at('info'), warn: at('warn'), error: at('error') };
  const heard = (text: string) =>
    new Promise<void>((done) => {
      const check = () => {
        if (lines.some(({ message }) => message.includes(text))) done();
      };
      waiting.add(check);
      check();
    });
  return { log, lines, heard, count: (code: string) => lines.filter((line) => line.code === code).length };
}

/** A gateway side with these plugins of one server, in one mode. */
async function open(
  mcp: object,
  mode: string,
  more: { names?: string[]; log?: Logger; settings?: object } = {},
) {
  const { names = ['Who'], log = heardLog().log } = more;
  const file = stringify({
    plugins: names.map((name) => ({ name, kind: 'external', mode, hooks: ['tool_pre_invoke'], mcp })),
    plugin_settings: { ...settings, ...more.settings },
  });
  const options = { path: '/t/p.yaml', cwd: '/t', env: {}, side: 'gateway', exists: () => true } as const;
  const manager = await openPluginManager(parseConfig(file, options), { log, connect: 'on-first-call' });
  onTestFinished(() => manager.close());
  return manager;
}

const search = { name: 'search', args: {} as { pid?: number } };
/** The process that the plugin ran in, nothing where it was skipped, or the code of the error. */
const call = (
  manager: PluginManager,
  payload: { name: string; args?: Record<string, unknown> } = search,
): Promise<number | string | undefined> =>
  manager
    .request()
    .invoke('tool_pre_invoke', payload)
    .then(
      ({ payload }) => (payload as typeof search).args?.pid,
      (error: SallyError) => error.code,
    );

/** Calls until there is an answer: on a busy machine a healthy call may be late. */
async function answerOf(manager: PluginManager): Promise<number> {
  for (;;) {
    const pid = await call(manager);
    if (typeof pid === 'number') return pid;
    // One that is away is answered without a pause.
    await nextTurn();
  }
}

/** Stops a process, until the test lets it go on or ends. */
function stopped(pid: number): () => void {
  process.kill(pid, 'SIGSTOP');
  const goOn = () => void process.kill(pid, 'SIGCONT');
  onTestFinished(() => {
    try {
      goOn();
    } catch {
      // It has ended.
    }
  });
  return goOn;
}

const overTls = async (names = ['Who']) => {
  const server = await startPluginServer({ plugins: names.map((name) => ({ ...who, name })) });
  return { server, mcp: { url: server.url, tls: clientTls() } };
};

/** The ways to a server that are not mutual TLS, which all other tests use. */
const ways: Record<string, () => Promise<object>> = {
  async 'a Unix domain socket'() {
    const uds = join(await temporaryFolder(), 'plugins.sock');
    await startPluginServer({ plugins: [who], tls: null, env: { PLUGINS_SERVER_UDS: uds } });
    return { uds };
  },
  async stdio() {
    const cmd = [process.execPath, commandPath, 'serve', '--config', await writeConfig({ plugins: [who] })];
    return { proto: 'STDIO', cmd, env: { PLUGINS_TRANSPORT: 'stdio' } };
  },
};

/** A child has to start within it. */
const slowly = { plugin_timeout: 4, plugin_away_after: 1 };

describe('a plugin server that hangs', { timeout: patience(120_000) }, () => {
  it('[G6,G7] costs three timeouts, then none, in a mode that ignores failures and in a strict one; and comes back', async () => {
    const { server, mcp } = await overTls();
    const heard = heardLog();
    const lenient = await open(mcp, 'enforce_ignore_error', { log: heard.log });
    const strict = await open(mcp, 'enforce');
    const pid = Number(server.child.pid);
    expect([await answerOf(lenient), await answerOf(strict)]).toEqual([pid, pid]);
    heard.lines.length = 0;
    const goOn = stopped(pid);
    const calls = async (manager: PluginManager) => {
      const found = [];
      for (let i = 0; i < 30; i += 1) found.push(await call(manager));
      return found;
    };
    const [skipped, failed] = await Promise.all([calls(lenient), calls(strict)]);
    expect(skipped).toEqual(Array(30).fill(undefined));
    const late = failed.indexOf('SALLY_PLUGIN_AWAY');
    expect(late).toBeGreaterThanOrEqual(3);
    expect(late).toBeLessThanOrEqual(mostTimeouts);
    expect(failed).toEqual([
      ...Array(late).fill('SALLY_PLUGIN_TIMEOUT'),
      ...Array(30 - late).fill('SALLY_PLUGIN_AWAY'),
    ]);
    expect(heard.count('SALLY_PLUGIN_TIMEOUT')).toBeLessThanOrEqual(mostTimeouts);
    expect(heard.count('SALLY_PLUGIN_AWAY')).toBe(1);
    expect(lenient.plugins[0]).toMatchObject({ away: true });
    goOn();
    await heard.heard('answers again');
    expect(await answerOf(lenient)).toBe(pid);
    expect(lenient.plugins[0]).toMatchObject({ away: false, reachable: true });
    expect(heard.lines.filter(({ level }) => level !== 'warn')).toHaveLength(2);
  });

  it('[G7] counts calls at a time as calls in a row, and says once that it is away', async () => {
    const { server, mcp } = await overTls();
    const heard = heardLog();
    const manager = await open(mcp, 'permissive', { log: heard.log });
    await answerOf(manager);
    heard.lines.length = 0;
    stopped(Number(server.child.pid));
    await Promise.all(Array.from({ length: 32 }, () => call(manager)));
    for (let i = 0; i < 6; i += 1) await call(manager);
    expect(heard.count('SALLY_PLUGIN_TIMEOUT')).toBeGreaterThanOrEqual(32);
    expect(heard.count('SALLY_PLUGIN_AWAY')).toBe(1);
  });

  it('[G7] takes all of its plugins away with it, also those that are called in one round trip', async () => {
    const names = ['A', 'B', 'C', 'D', 'E', 'F'];
    const { server, mcp } = await overTls(names);
    const heard = heardLog();
    const manager = await open(mcp, 'permissive', { names, log: heard.log });
    for (let i = 0; i < 2; i += 1) await answerOf(manager);
    heard.lines.length = 0;
    stopped(Number(server.child.pid));
    for (let i = 0; i < 3; i += 1) await call(manager);
    expect(heard.count('SALLY_PLUGIN_TIMEOUT')).toBeLessThanOrEqual(mostTimeouts);
    expect(manager.plugins.map(({ away }) => away)).toEqual(names.map(() => true));
  });

  it.each(Object.keys(ways))('[G7] is away over %s too, and comes back', async (name) => {
    const heard = heardLog();
    const manager = await open(await (ways[name] as () => Promise<object>)(), 'permissive', {
      log: heard.log,
      settings: slowly,
    });
    const pid = await answerOf(manager);
    heard.lines.length = 0;
    const goOn = stopped(pid);
    for (let i = 0; i < 9; i += 1) await call(manager);
    expect(heard.count('SALLY_PLUGIN_TIMEOUT')).toBeLessThanOrEqual(mostTimeouts);
    expect(manager.plugins[0]?.away).toBe(true);
    goOn();
    await heard.heard('answers again');
    expect(await answerOf(manager)).toBe(pid);
  });

  it('[G7] costs a timeout a call where plugin_away_after is 0', async () => {
    const { server, mcp } = await overTls();
    const manager = await open(mcp, 'enforce', { settings: { plugin_away_after: 0 } });
    await answerOf(manager);
    stopped(Number(server.child.pid));
    for (let i = 0; i < 4; i += 1) expect(await call(manager)).toBe('SALLY_PLUGIN_TIMEOUT');
    expect(manager.plugins[0]?.away).toBe(false);
  });
});

it('[G6] a payload that makes a hook hang does not take its plugin away', {
  timeout: patience(120_000),
}, async () => {
  const odd = { name: 'Who', kind: join(plugins, 'misbehaving.mjs') };
  const server = await startPluginServer({ plugins: [odd] });
  const heard = heardLog();
  const manager = await open({ url: server.url, tls: clientTls() }, 'enforce', {
    log: heard.log,
    settings: slowly,
  });
  for (let i = 0; i < 2; i += 1) {
    expect(await call(manager, { name: 'hang-deaf', args: {} })).toBe('SALLY_PLUGIN_TIMEOUT');
  }
  expect(heard.count('SALLY_PLUGIN_AWAY')).toBe(0);
});
