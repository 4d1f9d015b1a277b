import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const title = 'bodies of 8 to 30 MB: each gets its 413';

const execute = promisify(execFile);
const counts = { fetch: 70, python: 65, curl: 65 };
const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
/** More than the limit of 8,000,000. */
const size = (i) => (8 + ((i * 7) % 23)) * 1_000_000 + 1;
const python = fileURLToPath(new URL('../lib/too_large.py', import.meta.url));

export async function run(place) {
  const gateway = await place.startGateway({ upstream: await place.startUpstream() });
  const url = `http://127.0.0.1:${gateway.port}/mcp`;
  const answers = [
    ...(await byFetch(url)),
    ...(await byPython(gateway.port)),
    ...(await byCurl(url, place.folder)),
  ];
  const right = answers.filter((answer) => answer.endsWith(' 413')).length;
  const others = {};
  for (const answer of answers) if (!answer.endsWith(' 413')) others[answer] = (others[answer] ?? 0) + 1;
  return {
    fine: right === answers.length,
    told: `${right} of ${answers.length} (fetch, Python's http.client, curl)`,
    more: Object.entries(others)
      .map(([answer, count]) => `${count} × ${answer}`)
      .join('; '),
  };
}

async function byFetch(url) {
  const answers = [];
  for (let i = 0; i < counts.fetch; i += 1) {
    const reply = await fetch(url, { method: 'POST', headers, body: Buffer.alloc(size(i), 'x') }).catch(
      (error) => ({
        status: error.cause?.code ?? error.message,
      }),
    );
    answers.push(`fetch ${reply.status}`);
    await reply.text?.().catch(() => {});
  }
  return answers;
}

async function byPython(port) {
  const sizes = Array.from({ length: counts.python }, (_, i) => String(size(i)));
  const { stdout } = await execute('python3', [python, '127.0.0.1', String(port), ...sizes]);
  return stdout
    .trim()
    .split('\n')
    .map((status) => `http.client ${status}`);
}

const headerArgs = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);

async function byCurl(url, folder) {
  const answers = [];
  const path = join(folder, 'body');
  for (let i = 0; i < counts.curl; i += 1) {
    writeFileSync(path, Buffer.alloc(size(i), 'x'));
    // Every other one as curl does it by itself, which asks before it sends: `Expect: 100-continue`.
    const expect = i % 2 === 0 ? ['-H', 'Expect:'] : [];
    const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', ...headerArgs, ...expect];
    const status = await execute('curl', [...args, '--data-binary', `@${path}`, url]).then(
      ({ stdout }) => stdout,
      (error) => `exit status ${error.code} (${error.stdout})`,
    );
    answers.push(`curl ${status}`);
  }
  return answers;
}
