import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';

const version = async () =>
  (JSON.parse(await readFile('package.json', 'utf8')) as { version: string }).version;

describe('what people type who do not know the command yet', () => {
  it.each(['version', '--version', '-V', '-v'])('%s prints the version', async (word) => {
    expect(await sallyport([word])).toEqual({ status: 0, stdout: `${await version()}\n`, stderr: '' });
  });

  it.each([
    [['help'], ['--help']],
    [
      ['help', 'certs', 'renew'],
      ['certs', 'renew', '--help'],
    ],
    [
      ['help', 'gateway'],
      ['gateway', '-h'],
    ],
  ])('%j is %j', async (words, same) => {
    const helped = await sallyport(words);
    expect([helped.status, helped.stderr]).toEqual([0, '']);
    expect(helped.stdout).toMatch(/^Usage: sallyport/);
    expect(helped).toEqual(await sallyport(same));
  });

  it.each([
    [['sevre'], "unknown command 'sevre'", 'did you mean serve? sallyport --help'],
    [['sevre', '--help'], "unknown command 'sevre'", 'did you mean serve? sallyport --help'],
    [['help', 'gatway'], "unknown command 'gatway'", 'did you mean gateway? sallyport --help'],
    [['certs', 'chek'], "certs has no command 'chek'", 'did you mean check? sallyport certs check --help'],
    [['token', 'lst'], "token has no command 'lst'", 'did you mean list? sallyport token list --help'],
    [
      ['new', 'plugn', 'my-filter', '--js'],
      "new has no command 'plugn'",
      'did you mean plugin? sallyport new plugin --help',
    ],
    [['certs', '--hepl'], "unknown option '--hepl'", 'did you mean --help? sallyport certs --help'],
    [['serve', '--prot', '1'], "unknown option '--prot'", 'did you mean --port? sallyport serve --help'],
    [
      ['certs', 'renew', '--forse'],
      "unknown option '--forse'",
      'did you mean --force? sallyport certs renew --help',
    ],
    [['--hepl'], "unknown option '--hepl'", 'did you mean --help? sallyport --help'],
  ])('%j is told what it was meant to be', async (args, message, remedy) => {
    const { status, stdout, stderr } = await sallyport(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toBe(`error SALLY_USAGE\n  ${message}\n  → ${remedy}\n`);
  });
});
