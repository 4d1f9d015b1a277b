// What `sallyport new plugin` makes, as an author has it: the packed tarball is installed in an empty folder, and each project
// builds, runs its tests, serves behind mutual TLS, and is called through a gateway.
// node interop/scaffold.mjs [--linked] [TEMPLATE/LANGUAGE…]: with --linked the dependencies are those of this clone, and
// no registry is asked.
import { spawn, spawnSync } from 'node:child_process';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const words = process.argv.slice(2);
const linked = words.includes('--linked');
const chosen = words.filter((word) => !word.startsWith('--'));
const all = ['filter', 'guard', 'rate-limit', 'external-service'].flatMap((name) => [
  `${name}/ts`,
  `${name}/js`,
]);

/** What `npm run call` has to say with each template. */
const expected = {
  filter: ['You said: the password is ***', 'Three results for harmless things'],
  guard: [
    'Three results for harmless things',
    'refused: Plugin Violation: delete_everything is not allowed here',
  ],
  'rate-limit': ['You said: three', 'refused: Plugin Violation: At most 3 calls in 60 s'],
  'external-service': [
    'Three results for harmless things',
    'refused: Plugin Violation: delete_everything needs an approval',
  ],
};

const folder = await mkdtemp(join(tmpdir(), 'sallyport-scaffold-'));
let failed = 0;
try {
  const tarball = pack(root);
  await install(tarball);
  for (const which of chosen.length > 0 ? chosen : all) {
    const started = Date.now();
    const problem = await tryProject(...which.split('/')).catch((error) => error.message);
    if (problem) failed += 1;
    say(`${problem ? 'FAILED' : 'ok'}  ${which}  ${Date.now() - started} ms${problem ? `\n${problem}` : ''}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failed > 0 ? 1 : 0;

function say(text) {
  process.stdout.write(`${text}\n`);
}

function pack(from) {
  const packed = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], from);
  return join(folder, packed.trim().split('\n').at(-1));
}

/** Once for all projects, which lie below: npm and Node look for packages upwards. */
async function install(tarball) {
  const modules = join(folder, 'node_modules');
  if (!linked) {
    await writeFile(join(folder, 'package.json'), '{"private": true}\n');
    const others = [
      'zod@^4.0.0',
      'typescript@^6.0.0',
      '@types/node@^20.19.0',
      pack(join(root, 'create-sallyport')),
    ];
    run('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball, ...others], folder);
    return;
  }
  await mkdir(join(modules, '.bin'), { recursive: true });
  run('tar', ['xzf', tarball, '--one-top-level=sallyport', '--strip-components=1'], modules);
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) await symlink(join(root, 'node_modules', name), join(modules, name));
  }
  await symlink('../typescript/bin/tsc', join(modules, '.bin/tsc'));
  await symlink('../sallyport/dist/cli/main.js', join(modules, '.bin/sallyport'));
  await chmod(join(modules, 'sallyport/dist/cli/main.js'), 0o755);
}

/** Undefined where all went well. */
async function tryProject(template, language) {
  const name = `my-${template}-${language}`;
  const args = [name, '--template', template, ...(language === 'js' ? ['--js'] : [])];
  if (linked) run(join(folder, 'node_modules/.bin/sallyport'), ['new', 'plugin', ...args], folder);
  else run(join(folder, 'node_modules/.bin/create-sallyport'), args, folder);
  const project = join(folder, name);
  const port = await freePort();
  for (const file of ['server.yaml', 'gateway.yaml']) {
    const text = await readFile(join(project, file), 'utf8');
    await writeFile(join(project, file), text.replaceAll('8000', String(port)));
  }
  run('npm', ['run', '--silent', 'build'], project);
  run('npm', ['test', '--silent'], project);
  if (template === 'guard' && language === 'ts') await followTutorial(project);
  const server = spawn('npm', ['run', '--silent', 'serve'], {
    cwd: project,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  try {
    await said(server, 'listening on');
    const called = run('npm', ['run', '--silent', 'call'], project);
    const missing = expected[template].find((line) => !called.includes(line));
    return missing && `npm run call did not say "${missing}":\n${called}`;
  } finally {
    // npm, its shell, and the server.
    process.kill(-server.pid, 'SIGTERM');
  }
}

/** The step of docs/plugins.md that changes this project: first its test, which fails, then its plugin. */
async function followTutorial(project) {
  const page = await readFile(join(root, 'docs/plugins.md'), 'utf8');
  const step = page.slice(page.indexOf('### 3. Change it'), page.indexOf('### 4.'));
  const [, test] = /^```text\n(test\(.*?)^```$/ms.exec(step);
  const [, plugin] = /^```ts\n(.*?)^```$/ms.exec(step);
  await appendFile(join(project, 'test/plugin.test.ts'), `\n${test}`);
  const early = spawnSync('npm', ['test', '--silent'], { cwd: project, encoding: 'utf8' });
  if (!early.stdout.includes('not ok 7'))
    throw new Error(`the test of the tutorial did not fail:\n${early.stdout}`);
  await writeFile(join(project, 'src/plugin.ts'), plugin);
  run('npm', ['test', '--silent'], project);
}

/** What it wrote to standard output. */
function run(program, args, cwd) {
  const env = { ...process.env, LOG_FORMAT: 'text' };
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, env, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(
    `${program} ${args.join(' ')}: ${error?.message ?? `exit status ${status}`}\n${stdout}\n${stderr}`,
  );
}

function said(child, text) {
  return new Promise((done, fail) => {
    let all = '';
    child.stderr.on('data', (piece) => {
      all += piece;
      if (all.includes(text)) done();
    });
    child.once('exit', (status) => fail(new Error(`npm run serve ended with ${status}: ${all}`)));
  });
}

/** One whose health port is free as well. */
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    if ((await isFree(port)) && (await isFree(port + 1000))) return port;
  }
}

function isFree(port) {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, 'localhost', () => server.close(() => done(true)));
  });
}
