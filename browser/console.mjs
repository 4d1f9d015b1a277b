// The page of the console in a real Chromium: what happens at a real gateway is seen there within two seconds; and what the page is
// itself: its bytes, its keys, what axe finds, and what becomes of names that want to be markup.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, loadavg } from 'node:os';
import { launchChromium } from './chromium.mjs';
import { openScene } from './scene.mjs';

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const waitMs = 60_000;
const traceId = '0af7651916cd43dd8448eb211c80319c';
let failed = 0;

function say(good, what, more = '') {
  if (!good) failed += 1;
  process.stdout.write(`${good ? 'ok  ' : 'FAIL'}  ${what}${more && `\n      ${more}`}\n`);
}
const same = (what, seen, expected) =>
  say(
    JSON.stringify(seen) === JSON.stringify(expected),
    what,
    JSON.stringify(seen) === JSON.stringify(expected)
      ? ''
      : `${JSON.stringify(seen)}\n      expected ${JSON.stringify(expected)}`,
  );

/** Two seconds, and as much more as others have of this machine; ten of those are no longer the machine. */
const limitMs = () => 2000 * Math.max(1, loadavg()[0] / availableParallelism());

/** What is done at the gateway is to be seen on the page, which says how long that took. */
async function seen(what, page, act, holds, argument) {
  await act();
  const began = performance.now();
  try {
    await page.waitForFunction(holds, argument, { timeout: waitMs, polling: 50 });
  } catch {
    return say(false, what, `not within ${waitMs} ms:\n${await page.locator('main').innerText()}`);
  }
  const took = Math.round(performance.now() - began);
  const limit = limitMs();
  say(took < 10 * limit, `${what}: ${took} ms`, took < limit ? '' : `more than ${Math.round(limit)} ms`);
}

const hasText = ([selector, ...texts]) => {
  const found = [...document.querySelectorAll(selector)].map(({ textContent }) => textContent);
  return found.some((text) => texts.every((one) => text.includes(one)));
};

async function axe(what, page) {
  // As a debugger would: what the page may load is its own alone.
  await page.evaluate(axeSource);
  const found = await page.evaluate(() =>
    globalThis.axe
      .run(document)
      .then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 150)}`)),
  );
  same(`axe finds nothing: ${what}`, found, []);
}

const scene = await openScene();
const browser = await launchChromium();
const complaints = [];
function listen(page) {
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // The browser itself tells of replies that are none of 200, which are meant here.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  return page;
}

try {
  let gateway = await scene.startGateway();
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = listen(await context.newPage());

  // ─── The first view ─────────────────────────────────────────────────────────────────────────────
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  const sizes = new Map();
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) =>
    sizes.set(requestId, encodedDataLength),
  );
  await page.goto(gateway.link);
  await page.waitForSelector('.plot canvas');
  await page.waitForLoadState('load');
  const bytes = [...sizes.values()].reduce((all, n) => all + n, 0);
  await cdp.detach();
  say(
    bytes > 50_000 && bytes < 300_000,
    `the first view is ${bytes} bytes in ${sizes.size} replies, less than 300,000`,
  );
  same('the link is not in the address of the page, nor in its history', page.url(), gateway.page);

  const other = await browser.newContext();
  const again = await (await other.newPage()).goto(gateway.link);
  same('a link that has served is refused', again.status(), 401);
  await other.close();
  // A browser asks its user for the token of an admin first, and shows the words after that.
  const refusal = await fetch(gateway.page);
  same(
    'without a link there are words that say how to get one',
    [refusal.status, (await refusal.text()).includes('sallyport console')],
    [401, true],
  );

  await page.waitForFunction(hasText, ['.first-client', gateway.url], { timeout: waitMs });
  say(true, 'where nobody has called yet, it shows the URL to give to a client');

  // ─── What happens is seen ───────────────────────────────────────────────────────────────────────
  let client;
  await seen(
    'a client that comes',
    page,
    async () => {
      client = await scene.connect(gateway.url, 'tester', {
        traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      });
    },
    hasText,
    ['#clients tbody tr', 'tester', 'ada'],
  );
  await seen(
    'traffic',
    page,
    async () => {
      for (let time = 0; time < 10; time += 1) await client.say(`hello ${time}`);
    },
    () => {
      const [rate] = document.querySelectorAll('.figures dd');
      const calls = document.querySelector('#upstreams tbody tr')?.querySelectorAll('.number')[0];
      return Number(rate.textContent) > 0 && Number(calls.textContent) >= 10;
    },
  );
  await seen('a block by a plugin, with its reason', page, () => client.say('denied'), hasText, [
    '#decisions tbody tr',
    'blocked',
    'Guard',
    'echo',
    'ada',
    'DENIED_WORD',
    traceId.slice(0, 8),
  ]);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.click('#decisions tbody .copy');
  await page.waitForFunction(hasText, ['#decisions .copy', 'Copied'], { timeout: waitMs });
  same(
    'the trace id of a decision is copied whole by a click',
    await page.evaluate(() => navigator.clipboard.readText()),
    traceId,
  );
  same('nothing of what was called with is on the page', (await page.content()).match(/hello \d/g), null);

  const endsOf = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('.certificates li')]
        .filter((one) => one.textContent.includes('gateway/client.crt'))
        .map((one) => one.textContent)
        .join(),
    );
  const before = await endsOf();
  await seen(
    'a renewal',
    page,
    () => scene.run('certs', 'renew', 'gateway', '--force', '--days', '20'),
    (was) => {
      const now = [...document.querySelectorAll('.certificates li')].find((one) =>
        one.textContent.includes('gateway/client.crt'),
      )?.textContent;
      return now !== undefined && now !== was && /\b(19|20) days left/.test(now);
    },
    before,
  );
  await page.waitForFunction(
    () =>
      [...document.querySelectorAll('.certificates li.warning')].some(
        (one) => one.textContent.includes('expires soon') && one.querySelector('.command .copy') !== null,
      ),
    null,
    { timeout: waitMs },
  );
  say(true, 'a certificate that is due comes with what to type, to be copied');

  await seen(
    'an upstream that dies',
    page,
    () => scene.killUpstream(),
    () =>
      [...document.querySelectorAll('#upstreams tbody tr')].some(
        (row) => row.textContent.includes('mortal') && row.querySelector('.mark.error, .mark.busy') !== null,
      ),
  );
  await page.waitForFunction(hasText, ['.concerns li', 'upstream', 'down', 'mortal'], { timeout: waitMs });
  say(true, 'and it is told of above, as what wants attention');

  const traffic = setInterval(() => void client.say('meanwhile'), 250);
  await seen(
    'the certificate of a plugin that is revoked',
    page,
    () => scene.run('certs', 'revoke', 'Guard'),
    hasText,
    ['.certificates li', 'plugins/Guard/server.crt', 'revoked'],
  );
  await seen(
    'and its plugin, which is let in no more',
    page,
    () => {},
    () =>
      [...document.querySelectorAll('#plugins tbody tr')].some(
        (row) => row.textContent.includes('Guard') && row.querySelector('.mark.error') !== null,
      ),
  );
  clearInterval(traffic);
  await page.waitForFunction(hasText, ['.findings li.error', 'revoked'], { timeout: waitMs });
  say(true, 'the doctor tells of it, with a remedy');

  // ─── Names that want to be markup ───────────────────────────────────────────────────────────────
  const hostile = ['<img src=x onerror="window.pwned=1">', 'invoice\u202Efdp.exe', 'x'.repeat(3000)];
  for (const name of hostile) await (await scene.connect(gateway.url, name)).close();
  await page.waitForFunction(hasText, ['#clients tbody th', '<img src=x onerror='], { timeout: waitMs });
  await page.waitForFunction(hasText, ['#clients .unseen', 'U+202E'], { timeout: waitMs });
  const inPage = await page.evaluate(() => ({
    images: [...document.querySelectorAll('#page img')].filter((one) => !one.src.endsWith('/assets/icon.svg'))
      .length,
    pwned: globalThis.pwned ?? null,
    unmarked: document.body.textContent.includes('\u202E'),
  }));
  same('names that want to be markup, or to turn the line round, are text', inPage, {
    images: 0,
    pwned: null,
    unmarked: false,
  });

  // ─── Both schemes, narrow and wide ──────────────────────────────────────────────────────────────
  await page.click('#traffic summary');
  await page.click('#configuration summary');
  for (const colorScheme of ['light', 'dark'])
    for (const width of [1440, 320]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.waitForFunction((wide) => innerWidth === wide, width);
      await axe(`${colorScheme}, ${width} pixels wide`, page);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      say(
        over <= 0,
        `nothing stands out at the side: ${colorScheme}, ${width} pixels wide`,
        over > 0 ? `${over} pixels` : '',
      );
    }
  await page.setViewportSize({ width: 1440, height: 900 });

  // ─── Keys ───────────────────────────────────────────────────────────────────────────────────────
  await page.reload();
  await page.waitForSelector('.plot canvas');
  const focused = () =>
    page.evaluate(() => document.activeElement?.id || document.activeElement?.className || '');
  await page.keyboard.press('Tab');
  same('the first stop is the way past the head of the page', await focused(), 'skip');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Tab');
  say(
    await page.evaluate(() => document.activeElement?.closest('#overview') !== null),
    'which leads to the overview',
  );
  say(
    await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle === 'solid'),
    'what has the focus has a ring',
  );
  await page.keyboard.press('/');
  await page.keyboard.type('denied_word blocked');
  await page.waitForFunction(() => document.querySelectorAll('#decisions tbody tr').length === 1);
  await page.keyboard.press('p');
  same(
    '/ searches the decisions, and letters typed there are letters',
    await page.inputValue('#search'),
    'denied_word blockedp',
  );
  await page.keyboard.press('Backspace');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement?.id === 'decisions');
  await page.keyboard.press('p');
  await page.waitForSelector('.pause[aria-pressed=true]');
  await page.click('.clear');
  await client.say('denied');
  await page.waitForFunction(() => /\d new/.test(document.querySelector('.pause').textContent), null, {
    timeout: waitMs,
  });
  await page.keyboard.press('p');
  await page.waitForSelector('.pause[aria-pressed=false]');
  say(true, 'p pauses them, says how many are new, and goes on');
  await page.keyboard.press('8');
  same('a digit leads to a part of the page', await focused(), 'clients');
  await page.keyboard.press('t');
  await page.waitForSelector('html[data-scheme=dark]');
  await page.keyboard.press('?');
  await page.waitForSelector('dialog[open]');
  await axe('the keys', page);
  await page.click('dialog input');
  await page.keyboard.press('Escape');
  await page.waitForSelector('dialog', { state: 'detached' });
  await page.keyboard.press('t');
  same('keys can be turned off', await page.getAttribute('html', 'data-scheme'), 'dark');

  // ─── The gateway goes, and comes back ───────────────────────────────────────────────────────────
  const admin = await browser.newContext({ httpCredentials: { username: 'ada', password: scene.token } });
  const hers = listen(await admin.newPage());
  same('an admin is let in by her token', (await hers.goto(gateway.page)).status(), 200);
  await hers.waitForSelector('.plot canvas');
  await client.close();
  await scene.stop(gateway);
  await Promise.all(
    [page, hers].map((one) =>
      one.waitForFunction(hasText, ['.banner.error', 'does not reply'], { timeout: waitMs }),
    ),
  );
  say(true, 'a gateway that does not reply is told of, and what stands there is kept');
  gateway = await scene.startGateway();
  await hers.waitForFunction(hasText, ['.banner.ok', 'is back', 'restarted'], { timeout: waitMs });
  say(true, 'it connects again by itself, and says that the gateway was restarted');
  await page.waitForFunction(hasText, ['.banner.error', 'This link is over', 'sallyport console'], {
    timeout: waitMs,
  });
  say(true, 'a link of before is over: it says so, and how to get another');
  await axe('a link that is over', page);
  const link = (await scene.run('console')).trim();
  const tab = listen(await context.newPage());
  await tab.goto(link);
  await page.waitForFunction(() => document.querySelector('.banner.error') === null, null, {
    timeout: waitMs,
  });
  say(true, 'another link, opened in the same browser, serves the page that is open');
  same('no browser has complained', complaints, []);
} catch (error) {
  say(false, 'the page', error?.stack);
} finally {
  await browser.close();
  await scene.close();
}
process.exit(failed > 0 ? 1 : 0);
