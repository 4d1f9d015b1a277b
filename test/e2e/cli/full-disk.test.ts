import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { patience } from '../../support/patience.js';
import { runIn } from '../certs/faults.js';

/** Files can be made and nothing can be written to them, as on a disk that is full; the system says EFBIG here. */
const full = "trap '' XFSZ; ulimit -f 0;";
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

it.each([
  ['certs all', 'SALLY_CERT_WRITE'],
  ['token create --user a --file tokens.json', 'SALLY_TOKENS_WRITE'],
  ['new plugin my-filter', 'SALLY_NEW_WRITE'],
])(
  'on a full disk %s says so, and leaves no file behind',
  async (command, code) => {
    const cwd = await temporaryFolder();
    const said = runIn(cwd, `{ ${full} sallyport ${command}; } 2>&1 | cat`);
    expect(said).toContain(`error ${code}\n`);
    expect(filesIn(cwd)).toEqual([]);
  },
  patience(30_000),
);

it(
  'on a full disk what is there stays as it is, and the next command goes on',
  async () => {
    const cwd = await temporaryFolder();
    const make = 'sallyport certs gateway; sallyport token create --user a --file tokens.json';
    runIn(cwd, `${make} >/dev/null`);
    const before = filesIn(cwd).map(({ name }) => name);
    const tokens = readFileSync(join(cwd, 'tokens.json'));
    for (const command of ['certs renew --all --force', 'certs ca-rotate prepare', 'certs crl'])
      expect(runIn(cwd, `{ ${full} sallyport ${command}; } 2>&1 | cat`)).toContain(
        'error SALLY_CERT_WRITE\n',
      );
    runIn(cwd, `{ ${full} sallyport token create --user b --file tokens.json; } 2>&1 | cat`);
    expect(filesIn(cwd).map(({ name }) => name)).toEqual(before);
    expect(readFileSync(join(cwd, 'tokens.json'))).toEqual(tokens);
    runIn(cwd, 'sallyport certs renew --all --force; sallyport token create --user b --file tokens.json');
  },
  patience(60_000),
);

it("a lock that was not written to its end is nobody's", async () => {
  const cwd = await temporaryFolder();
  const lock = join(cwd, 'tokens.json.new');
  writeFileSync(lock, '');
  const old = new Date(Date.now() - 60_000);
  utimesSync(lock, old, old);
  runIn(cwd, 'sallyport token create --user a --file tokens.json');
  expect(readdirSync(cwd)).toEqual(['tokens.json']);
});
