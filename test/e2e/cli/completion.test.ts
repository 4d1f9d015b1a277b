import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run, sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { judgedBy } from '../../support/judges.js';

/** The completion script of a shell, in a file. */
async function scriptFor(shell: string): Promise<string> {
  const { status, stdout, stderr } = await sallyport(['completion', shell]);
  expect([status, stderr]).toEqual([0, '']);
  const path = join(await temporaryFolder(), `completion.${shell}`);
  await writeFile(path, stdout);
  return path;
}

/** What a shell answers, line by line. */
async function answers(shell: string, code: string): Promise<string[]> {
  const { status, stdout, stderr } = await run(shell, ['-c', code]);
  expect([status, stderr]).toEqual([0, '']);
  return stdout.trimEnd().split('\n');
}

const lines = [
  ['sallyport', 'certs', 're'],
  ['sallyport', 'serve', '--po'],
  ['sallyport', 'doctor', '--side', ''],
  ['sallyport', 'completion', 'b'],
];

judgedBy('bash')('bash completes commands, options, and what an option takes', async () => {
  const path = await scriptFor('bash');
  const asked = lines.map((words) => {
    const array = words.map((word) => `'${word}'`).join(' ');
    return `COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _sallyport; echo "\${COMPREPLY[*]}"`;
  });
  expect(await answers('bash', `source ${path}; ${asked.join('; ')}`)).toEqual([
    'renew revoke',
    '--port',
    'gateway server',
    'bash',
  ]);
});

judgedBy('fish')('fish completes them too', async () => {
  const path = await scriptFor('fish');
  const asked = lines.map(
    (words) => `complete -C '${words.join(' ')}' | string replace -r '\\t.*' '' | sort`,
  );
  expect(await answers('fish', `source ${path}; ${asked.join('; ')}`)).toEqual([
    'renew',
    'revoke',
    '--port',
    'gateway',
    'server',
    'bash',
  ]);
});

judgedBy('zsh')('zsh completes them too', async () => {
  const path = await scriptFor('zsh');
  // What zsh's own functions are asked to offer: they themselves work on a terminal only.
  const stubs = [
    'compdef() { }',
    `_describe() { print -rl -- \${(M)\${(P)2}:#$PREFIX*} }`,
    '_files() { print FILES }',
    'compadd() { print -r -- $* }',
  ];
  const asked = lines.map((words) => {
    return `words=(${words.map((word) => `'${word}'`).join(' ')}); CURRENT=$#words; PREFIX=$words[CURRENT]; _sallyport`;
  });
  const offered = await answers('zsh', [...stubs, `source ${path}`, ...asked].join('\n'));
  expect(offered.map((line) => line.replace(/:.*/, ''))).toEqual([
    'renew',
    'revoke',
    '--port',
    '-- gateway server',
    'bash',
  ]);
});

it('another shell is a mistake that names those that there are', async () => {
  const { status, stderr } = await sallyport(['completion', 'tcsh']);
  expect(status).toBe(2);
  expect(stderr).toContain('bash, zsh, fish');
});
