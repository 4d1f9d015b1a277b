import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { stopEverything } from '../interop/lib/processes.mjs';
import { clients } from './clients.mjs';
import { explained, goneFrom } from './known.mjs';
import { clientCells, clientWays } from './lib/client-cells.mjs';
import { begin, goOn, keep, kept } from './lib/kept.mjs';
import { install, root } from './lib/programs.mjs';
import { cellText, createReport, table } from './lib/report.mjs';
import { serverCells, togetherCells, ways } from './lib/server-cells.mjs';
import { servers } from './servers.mjs';

const usage = `node realworld/run.mjs [--part servers|clients] [--server ID]… [--client ID]… [--way NAME]… [--resume] [--report FILE]

Speaks to real MCP servers directly and through the gateway, and has real MCP clients do so, and prints what differs.
With --server only those servers and no clients, with --client the other way round. --resume takes what earlier runs
found of servers and clients and looks at the others only; what is known is judged anew. --report writes the tables as
Markdown. Exit status 1 where something differs that known.mjs does not explain, where an
entry there explains nothing, and where a program did not start. Needs the npm registry, PyPI, the Go module proxy,
Python 3.11, Go, pandoc and Chromium (CHROMIUM, or /usr/bin/chromium).
`;

const { values: options } = parseArgs({
  options: {
    part: { type: 'string' },
    server: { type: 'string', multiple: true },
    client: { type: 'string', multiple: true },
    way: { type: 'string', multiple: true },
    report: { type: 'string' },
    resume: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const asked = (names) => names.filter((name) => !options.way || options.way.includes(name));
const print = (text = '') => process.stdout.write(`${text}\n`);
const whole = !options.part && !options.server && !options.client && !options.way;
const isKept = whole || options.resume;
const chosen = (part, all, names, others) =>
  all.filter(({ id }) =>
    names ? names.includes(id) : others === undefined && part === (options.part ?? part),
  );

if (options.help) {
  print(usage);
  process.exit(0);
}
process.exit(await main());

async function main() {
  const began = Date.now();
  if (!existsSync(join(root, 'dist/cli/main.js'))) {
    print('realworld: dist/ is missing: make build');
    return 1;
  }
  const theServers = chosen('servers', servers, options.server, options.client);
  const theClients = chosen('clients', clients, options.client, options.server);
  const needed = [...theServers, ...theClients].flatMap(({ needs }) => needs);
  await install(new Set(['npm-servers', 'python-proxy', ...needed]), print);
  const folder = await placeOfThis();
  const pages = await startPages();
  const place = { folder, page: pages.url, chromium: process.env['CHROMIUM'] ?? '/usr/bin/chromium' };
  const report = createReport();
  try {
    const tables = [
      ...(theServers.length > 0 ? [await runServers(theServers, place, report)] : []),
      ...(theClients.length > 0 ? [await runClients(theClients, place, report)] : []),
    ];
    return await conclude(tables, report, (Date.now() - began) / 1000);
  } finally {
    stopEverything();
    pages.close();
    if (whole || !options.resume) await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A part that is looked at by itself has a folder of its own, and leaves what whole runs have kept alone. */
function placeOfThis() {
  if (options.resume) return goOn();
  return whole ? begin() : mkdtemp(join(tmpdir(), 'realworld-'));
}

async function runServers(theServers, place, report) {
  const chosenWays = asked(Object.keys(ways));
  const found = [];
  for (const server of theServers) {
    const isKnown = (way, key, differences) => explained({ subject: server.id, way, key, differences });
    try {
      const before = options.resume ? await kept('server', server) : undefined;
      const missing = chosenWays.some((way) => way !== 'together' && !before?.cells[way]);
      const one = missing ? await serverCells(server, place, chosenWays, isKnown) : before;
      if (missing && isKept) await keep('server', server, one);
      const { cells, direct, eras } = one;
      const judged = Object.entries(cells).map(([way, cell]) => [way, report.judge(server.id, way, cell)]);
      found.push({ server, direct, eras, judged: Object.fromEntries(judged) });
      tell(server, Object.fromEntries(judged), eras === 'legacy' ? '' : ` (${eras})`);
    } catch (error) {
      report.total.failed += 1;
      print(`${server.id}: did not start: ${error.message}\n${error.tail?.slice(-600) ?? ''}`);
    }
  }
  // Alone there would be no prefixes.
  if (chosenWays.includes('together') && found.length > 1) {
    const all = await togetherCells(found, place);
    for (const one of found) {
      one.judged.together = report.judge(one.server.id, 'together', all[one.server.id]);
      tell(one.server, { together: one.judged.together });
    }
  }
  const rows = found.map(({ server, eras, judged }) => [
    server.package,
    server.version(),
    server.from,
    server.http.bridge ?? 'itself',
    eras,
    ...chosenWays.map((way) => cellText(judged[way])),
  ]);
  return {
    title: 'Servers',
    ways,
    text: table(['server', 'version', 'from', 'HTTP by', 'era', ...chosenWays], rows),
  };
}

async function runClients(theClients, place, report) {
  const chosenWays = asked(Object.keys(clientWays));
  const judged = {};
  const isKnown = (subject, way, key, differences) => explained({ subject, way, key, differences });
  const found = {};
  for (const client of theClients) {
    found[client.id] = (options.resume && (await kept('client', client))) || {};
  }
  const judge = (client, way, cell) => {
    const one = report.judge(client.id, way, cell);
    judged[client.id] = { ...judged[client.id], [way]: one };
    tell(client, { [way]: one });
  };
  for (const client of theClients) {
    for (const way of chosenWays.filter((name) => found[client.id][name]))
      judge(client, way, found[client.id][way]);
  }
  const isWanted = (client, way) => chosenWays.includes(way) && !found[client.id][way];
  await clientCells(theClients, place, isWanted, isKnown, async (client, way, cell) => {
    found[client.id][way] = cell;
    if (isKept) await keep('client', client, found[client.id]);
    judge(client, way, cell);
  });
  const rows = theClients.map((client) => [
    client.id,
    client.package,
    client.version(),
    client.from,
    ...chosenWays.map((way) => cellText(judged[client.id]?.[way])),
  ]);
  return {
    title: 'Clients',
    ways: clientWays,
    text: table(['client', 'package', 'version', 'from', ...chosenWays], rows),
  };
}

function tell({ id, version }, judged, more = '') {
  print(
    `${id} ${version()}${more}: ${Object.entries(judged)
      .map(([way, one]) => `${way} ${cellText(one)}`)
      .join(', ')}`,
  );
  for (const [way, { failures }] of Object.entries(judged)) {
    for (const failure of failures) print(`   FAIL ${way}: ${failure}`);
  }
}

async function conclude(tables, { used, total, notes }, seconds) {
  const gone = whole ? goneFrom(used) : [];
  const lines = tables.map(({ title, ways: all, text }) => {
    const meaning = Object.entries(all).map(([way, what]) => `- \`${way}\`: ${what}`);
    return [`### ${title}`, '', text, '', ...meaning].join('\n');
  });
  const known = notes().map(({ number, cause }) => `- [${number}] ${cause}`);
  const all = total.equal + total.known + total.failed;
  const sum = `${total.equal} of ${all} comparisons are equal, ${total.known} differ for a known cause, ${total.failed} FAILED`;
  const text = [...lines, ['### Known differences', '', ...known].join('\n'), `${sum}.`].join('\n\n');
  print(`\n${text}\n`);
  for (const { cause } of gone) print(`explains nothing any more, take it off known.mjs: ${cause}`);
  print(`realworld: ${sum} (${seconds.toFixed(0)} s)`);
  if (options.report) await writeFile(options.report, `${text}\n`);
  return total.failed > 0 || gone.length > 0 || total.equal === 0 ? 1 : 0;
}

/** A page for the servers that read pages. */
async function startPages() {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/' ? 200 : 404, { 'content-type': 'text/html' });
    response.end(
      '<html><head><title>T</title></head><body><h1>A page</h1><p>with <a href="/x">a link</a></p></body></html>',
    );
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() };
}
