import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openPluginManager, parseConfig, silentLogger } from 'sallyport';
import { parse } from 'yaml';
import { cleanEnv, lastLine, runProgram, startProgram, stopProgram, within } from './processes.mjs';
import { CannotRun, peerEnv } from './python.mjs';

/** The Python plugins: what they are imported from, pinned in requirements-filters.txt. */
export const filtersPeer = { id: 'filters', title: 'the plugins of ContextForge and the packages cpex-*' };

/** What our side answers to a plugin file of ContextForge: its entries, and where it was not taken as it was. */
export async function importFile({ root, path }) {
  const main = join(root, 'dist/cli/main.js');
  const program = startProgram(process.execPath, [main, 'import', '--json', path], { env: cleanEnv() });
  let stdout = '';
  program.child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  program.child.stdin.end();
  const status = await new Promise((resolve) => program.child.once('close', resolve));
  if (status !== 0 && status !== 1) throw new Error(`import ended with ${status}: ${program.tail()}`);
  return JSON.parse(stdout);
}

/**
 * The folder `plugins` of ContextForge, which its wheel does not have: from the source distribution of the version that
 * the requirements name.
 */
export async function contextForgeSource(python, { root, cache }) {
  const requirements = await readFile(join(root, 'interop', `requirements-${filtersPeer.id}.txt`), 'utf8');
  const wanted = /^mcp-contextforge-gateway==\S+$/m.exec(requirements)[0];
  const folder = join(cache, filtersPeer.id, 'source');
  if (existsSync(folder)) return folder;
  const place = await mkdtemp(join(cache, 'source-'));
  try {
    const download = ['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await runProgram(python, [...download, '--no-binary', ':all:', '-d', place, wanted], {
      env: process.env,
    });
    const [archive] = await readdir(place);
    const unpack = 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2], filter="data")';
    await runProgram(python, ['-c', unpack, join(place, archive), place], {});
    const [unpacked] = (await readdir(place)).filter((name) => name !== archive);
    await mkdir(join(cache, filtersPeer.id), { recursive: true });
    await rename(join(place, unpacked), folder);
    return folder;
  } catch (error) {
    throw new CannotRun(`the source of ${wanted} could not be had: ${error.message}`);
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** The Python plugins, in one process: each is opened with an entry of a plugin file, and called by its name. */
export async function openTheirs({ python, source, root, folder }) {
  const env = peerEnv(python, root, {
    PYTHONPATH: `${join(root, 'interop', 'peers')}:${source}`,
    // Importing the gateway of ContextForge checks that these are no placeholders.
    JWT_SECRET_KEY: 'for-a-test-and-nothing-else-0123456789',
    AUTH_ENCRYPTION_SECRET: 'for-a-test-and-nothing-else-9876543210',
    DATABASE_URL: 'sqlite:///:memory:',
  });
  const program = startProgram(python, [join(root, 'interop/peers/filters.py')], { env, cwd: folder });
  const waiting = new Map();
  let last = 0;
  createInterface({ input: program.child.stdout }).on('line', (line) => {
    const { id, ...body } = JSON.parse(line);
    waiting.get(id)?.(body);
    waiting.delete(id);
  });
  program.child.once('exit', () => {
    for (const resolve of waiting.values())
      resolve({ error: { type: 'Ended', message: lastLine(program.tail()) } });
    waiting.clear();
  });
  const ask = (body) => {
    last += 1;
    const id = last;
    const answer = new Promise((resolve) => waiting.set(id, resolve));
    program.child.stdin.write(`${JSON.stringify({ id, ...body })}\n`);
    return within(60_000, `the Python plugin ${body.name}`, answer);
  };
  return {
    async open({ name, kind, hooks, mode = 'enforce', config = {} }) {
      const { error } = await ask({ op: 'open', name, kind, hooks, mode, config });
      if (error) throw new Error(`${kind}: ${error.type}: ${error.message}`);
      return {
        call: (hook, payload, more) => ask({ op: 'call', name, hook, payload, ...more }),
        async measure(hook, payload, seconds) {
          const answer = await ask({ op: 'measure', name, hook, payload, seconds });
          if (answer.error) throw new Error(`${kind}: ${answer.error.message}`);
          return answer.seconds;
        },
      };
    },
    close: () => stopProgram(program),
  };
}

/** The plugins of a plugin file that was imported, in this process. */
export async function openImported(yaml, { folder }) {
  const config = parseConfig(yaml, { path: 'config.yaml', cwd: folder, env: {}, side: 'server' });
  const manager = await openPluginManager(config, { log: silentLogger });
  const requests = new Map();
  const requestOf = (id, global) => {
    const found = requests.get(id) ?? manager.request({ request_id: id, ...global });
    requests.set(id, found);
    return found;
  };
  return {
    async call(hook, payload, { request = crypto.randomUUID(), global = {} } = {}) {
      try {
        return await requestOf(request, global).invoke(hook, payload);
      } catch (error) {
        return { error: { type: error.code, message: error.message } };
      }
    },
    /** Seconds of processor time a call, after as long a time to warm up: what else the machine does is not in it. */
    async measure(hook, payload, seconds) {
      const run = async () => {
        let calls = 0;
        const start = process.cpuUsage();
        for (;;) {
          await manager.request({ request_id: 'r' }).invoke(hook, payload);
          calls += 1;
          const { user, system } = process.cpuUsage(start);
          const spent = (user + system) / 1e6;
          if (calls >= 3 && spent >= seconds) return spent / calls;
        }
      };
      await run();
      return run();
    },
    close: () => manager.close(),
  };
}

/** The entries of ContextForge's own plugin file, without its templates. */
export async function theirEntries(source) {
  const text = await readFile(join(source, 'plugins/config.yaml'), 'utf8');
  return parse(text).plugins;
}
