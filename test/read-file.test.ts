import { execFileSync, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileReason } from '../src/errors.js';
import { readFileBytes, readFileBytesSync, readFileText } from '../src/read-file.js';
import { temporaryFolder } from './support/folder.js';
import { judgedBy } from './support/judges.js';

const reasonOf = async (reading: Promise<unknown>): Promise<string> =>
  fileReason(
    await reading.then(
      () => 'read',
      (error: unknown) => error,
    ),
  );

it('a file is read whole, and one of more bytes than there may be is not', async () => {
  const path = join(await temporaryFolder(), 'file');
  const text = 'ä'.repeat(100_000);
  await writeFile(path, text);
  expect(await readFileText(path)).toBe(text);
  expect(readFileBytesSync(path).toString()).toBe(text);
  expect(await reasonOf(readFileBytes(path, 1_000))).toBe('it has more than 1000 bytes');
});

it('a device that never ends is given up, and a folder is told as one', async () => {
  expect(await reasonOf(readFileText('/dev/zero'))).toBe('it has more than 16000000 bytes');
  expect(() => readFileBytesSync('/dev/zero')).toThrow('it has more than 16000000 bytes');
  expect(await reasonOf(readFileText(await temporaryFolder()))).toBe('it is a folder');
});

judgedBy('mkfifo')('a named pipe that nobody writes to is no file to wait for', async () => {
  const path = join(await temporaryFolder(), 'pipe');
  execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
  expect(await reasonOf(readFileText(path))).toBe('it is a named pipe, and nobody writes to it');
  expect(() => readFileBytesSync(path)).toThrow('it is a named pipe, and nobody writes to it');
});

judgedBy('mkfifo')('a named pipe is read to its end where somebody writes, however slowly', async () => {
  const path = join(await temporaryFolder(), 'pipe');
  execFileSync('sh', ['-c', 'mkfifo "$0"', path]);
  // It has the pipe open to read as well, so that it does not wait for who reads.
  const writer = spawn('sh', [
    '-c',
    'exec 3<>"$0"; echo open; read go; printf one >&3; printf two >&3',
    path,
  ]);
  const ended = new Promise((resolve) => writer.once('close', resolve));
  writer.on('error', () => {});
  await new Promise((resolve) => writer.stdout.once('data', resolve));
  const reading = readFileText(path);
  writer.stdin.on('error', () => {});
  writer.stdin.end('go\n');
  await ended;
  expect(await reading).toBe('onetwo');
});
