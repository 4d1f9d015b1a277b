/**
 * Takes the pictures of docs/images/ in Chromium: the page of the console as it is built, with facts of a made-up gateway, so that an
 * hour of traffic is on it. `pngquant` makes them small, where it is installed.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchChromium } from '../browser/chromium.mjs';
import { exampleDecisions, exampleState, now } from './screenshots-facts.mjs';

const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));
const require = createRequire(import.meta.url);
const folder = fromHere('../docs/images/');
mkdirSync(folder, { recursive: true });

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const near = (library, path) => join(require.resolve(library), '../..', path);
const libraries = {
  'preact.js': near('preact', 'dist/preact.mjs'),
  'htm.js': near('htm', 'dist/htm.mjs'),
  'uplot.js': near('uplot', 'dist/uPlot.iife.min.js'),
  'uplot.css': near('uplot', 'dist/uPlot.min.css'),
};

/** Answers as the console does. */
function answer(route) {
  const { pathname } = new URL(route.request().url());
  if (pathname === '/state') return route.fulfill({ json: exampleState() });
  if (pathname === '/events')
    return route.fulfill({
      contentType: 'text/event-stream',
      body: `retry: 60000\nevent: decision\ndata: ${JSON.stringify(exampleDecisions().slice(0, 1))}\n\n`,
    });
  const name = pathname === '/' ? 'index.html' : pathname.replace('/assets/', '');
  const path = libraries[name] ?? fromHere(`../dist/console/page/${name}`);
  return route.fulfill({ contentType: types[extname(name)], body: readFileSync(path) });
}

const pictures = [
  { name: 'console-light', colorScheme: 'light', width: 1440, height: 1060 },
  { name: 'console-dark', colorScheme: 'dark', width: 1440, height: 1060 },
  { name: 'console-certificates', colorScheme: 'light', width: 1440, height: 1060, part: '#certificates' },
  { name: 'console-narrow', colorScheme: 'dark', width: 360, height: 900 },
];

const browser = await launchChromium();
try {
  for (const { name, colorScheme, width, height, part } of pictures) {
    const context = await browser.newContext({
      colorScheme,
      viewport: { width, height },
      timezoneId: 'UTC',
      reducedMotion: 'reduce',
    });
    const page = await context.newPage();
    await page.clock.setFixedTime(now);
    await page.route('**/*', answer);
    await page.goto('http://console.example/');
    await page.waitForSelector('#decisions tbody tr');
    await page.waitForSelector('.plot canvas');
    const path = join(folder, `${name}.png`);
    rmSync(path, { force: true });
    await (part === undefined ? page : page.locator(part)).screenshot({ path });
    const small = spawnSync('pngquant', [
      '--force',
      '--skip-if-larger',
      '--strip',
      '--speed=1',
      '--output',
      path,
      '96',
      path,
    ]);
    if (small.error) console.error(`no pngquant here: ${name}.png stays as large as it is`);
    console.log(`docs/images/${name}.png  ${Math.ceil(statSync(path).size / 1024)} KB`);
    await context.close();
  }
} finally {
  await browser.close();
}
