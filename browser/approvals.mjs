// A call that waits for an approval, answered on the page of a real gateway in a real Chromium: with the keys alone, and as axe sees it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { launchChromium } from './chromium.mjs';

const root = resolve(import.meta.dirname, '..');
const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const everything = join(root, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
const timeout = 60_000;
let failed = 0;

function same(what, seen, expected) {
  const good = JSON.stringify(seen) === JSON.stringify(expected);
  if (!good) failed += 1;
  const more = good ? '' : `\n      ${JSON.stringify(seen)}\n      expected ${JSON.stringify(expected)}`;
  process.stdout.write(`${good ? 'ok  ' : 'FAIL'}  ${what}${more}\n`);
}

const folder = await mkdtemp(join(tmpdir(), 'sallyport-approvals-'));
const file = {
  plugins: [{ name: 'Asks', kind: join(root, 'test/support/plugins/asks.mjs') }],
  gateway: {
    upstreams: { one: { command: process.execPath, args: [everything, 'stdio'] } },
    approvals: { by: ['page'], timeout: 600, remember: 0 },
    console: { port: 0 },
  },
};
await writeFile(join(folder, 'gateway.yaml'), JSON.stringify(file));
const child = spawn(
  process.execPath,
  [join(root, 'dist/cli/main.js'), 'gateway', '--config', 'gateway.yaml', '--port', '0'],
  {
    cwd: folder,
    env: { ...process.env, LOG_FORMAT: 'json', XDG_RUNTIME_DIR: folder },
    stdio: ['ignore', 'ignore', 'pipe'],
  },
);
const lines = [];
const looks = new Set();
createInterface({ input: child.stderr }).on('line', (line) => {
  lines.push(line);
  for (const look of looks) look();
});
const logged = (word) =>
  new Promise((done, fail) => {
    child.once('exit', (status) => fail(new Error(`the gateway ended with ${status}: ${lines.join('\n')}`)));
    const look = () => {
      const found = lines.find((line) => line.includes(word));
      if (found) done(JSON.parse(found));
    };
    looks.add(look);
    look();
  });

const browser = await launchChromium();
try {
  const { url } = await logged('listening on');
  const { msg } = await logged('the page is at');
  const [link] = /https?:\S+/.exec(msg);
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(link);
  await page.waitForSelector('#approvals', { timeout });
  const client = new Client({ name: '<b>bold</b>', version: '1.0.0' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const call = (message) =>
    client.callTool({ name: 'echo', arguments: { message } }).then(
      ({ content: [{ text }] }) => text,
      ({ data }) => data?.code,
    );

  const first = call('ask <script>alert(1)</script> \u202eback');
  await page.waitForSelector('.approvals li', { timeout });
  const shown = await page.textContent('.approvals pre');
  same(
    'arguments are text, with what cannot be seen in them',
    shown,
    '{\n  "message": "ask <script>alert(1)</script> \\u{202e}back"\n}',
  );
  same('nothing of a call is markup', await page.locator('.approvals b, .approvals script').count(), 0);
  await page.waitForFunction(() => document.title.startsWith('(1)'), null, { timeout });
  same('the title says that something waits', (await page.title()).startsWith('(1) '), true);
  await page.evaluate(axeSource);
  const axe = () =>
    page.evaluate(() =>
      globalThis.axe
        .run(document)
        .then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 150)}`)),
    );
  same('axe finds nothing: a call that waits', await axe(), []);
  await page.keyboard.press('a');
  same('a leads there', await page.evaluate(() => document.activeElement?.id), 'approvals');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  same(
    'and Tab to the first answer',
    await page.evaluate(() => document.activeElement?.textContent),
    'Approve',
  );
  await page.keyboard.press('Enter');
  same('the call goes on', await first, 'Echo: ask <script>alert(1)</script> \u202eback');
  await page.waitForSelector('.approvals li', { state: 'detached', timeout });

  const second = call('ask me');
  await page.waitForSelector('.approvals li', { timeout });
  await page.getByRole('button', { name: 'Refuse', exact: true }).click();
  same('a call is refused', await second, 'SALLY_APPROVAL_REFUSED');
  await page.waitForSelector('.approvals li', { state: 'detached', timeout });
  same('axe finds nothing: nothing waits', await axe(), []);
  same('no browser has complained', complaints, []);
  await client.close();
} catch (error) {
  same(String(error?.stack), false, true);
} finally {
  await browser.close();
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  await rm(folder, { recursive: true, force: true });
}
process.exit(failed > 0 ? 1 : 0);
