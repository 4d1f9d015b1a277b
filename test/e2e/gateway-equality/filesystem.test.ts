import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../../support/folder.js';
import { generations, type Target } from './clients.js';
import { expectComplete, expectSame, patience, type Step, tool, transcribe } from './compare.js';
import { gatewayBefore } from './gateway.js';
import { serverCommand } from './servers.js';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  'base64',
);

/** `kept` is only read, so that its times are the same for both; `work` is laid out anew for each. */
const stepsIn = (folder: string): readonly Step[] => {
  const kept = (name: string) => join(folder, 'kept', name);
  const work = (name: string) => join(folder, 'work', name);
  return [
    tool('list_allowed_directories'),
    tool('get_file_info', { path: kept('poem.txt') }),
    tool('read_file', { path: kept('poem.txt') }),
    tool('read_text_file', { path: kept('poem.txt') }),
    tool('read_text_file', { path: kept('poem.txt'), head: 1 }),
    tool('read_text_file', { path: kept('poem.txt'), tail: 1 }),
    tool('read_text_file', { path: kept('poem.txt'), head: 1, tail: 1 }),
    tool('read_text_file', { path: '/etc/hostname' }),
    tool('read_text_file', { path: 7 }),
    tool('read_media_file', { path: kept('red.png') }),
    tool('read_multiple_files', { paths: [kept('poem.txt'), kept('missing.txt')] }),
    tool('list_directory', { path: kept('') }),
    tool('list_directory_with_sizes', { path: kept(''), sortBy: 'size' }),
    tool('directory_tree', { path: folder }),
    tool('search_files', { path: folder, pattern: '**/*.txt' }),
    tool('create_directory', { path: work('new/deep') }),
    tool('write_file', { path: work('new/deep/one.txt'), content: 'ä\r\n\u0000☃' }),
    tool('edit_file', { path: work('note.txt'), edits: [{ oldText: 'old', newText: 'new' }], dryRun: true }),
    tool('edit_file', { path: work('note.txt'), edits: [{ oldText: 'old', newText: 'new' }] }),
    tool('edit_file', { path: work('note.txt'), edits: [{ oldText: 'not there', newText: '' }] }),
    tool('move_file', { source: work('note.txt'), destination: work('new/moved.txt') }),
    tool('read_file', { path: work('new/moved.txt') }),
    tool('directory_tree', { path: work('') }),
  ];
};

describe.each(generations)('server-filesystem by $name', patience, ({ connect }) => {
  it('tells the same through the gateway as directly', async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, 'kept'));
    await writeFile(join(folder, 'kept/poem.txt'), 'Zwei Zeilen\nmit ☃\n');
    await writeFile(join(folder, 'kept/red.png'), png);
    // The first reading may set the time of access, those after it do not.
    for (const file of ['poem.txt', 'red.png']) await readFile(join(folder, 'kept', file));
    const steps = stepsIn(folder);
    const drive = async (target: Target) => {
      await rm(join(folder, 'work'), { recursive: true, force: true });
      await mkdir(join(folder, 'work'));
      await writeFile(join(folder, 'work/note.txt'), 'an old note\n');
      const client = await connect(target);
      onTestFinished(() => client.close());
      return transcribe(client, ['tools'], steps);
    };
    const server = serverCommand('filesystem', [folder]);
    const direct = await drive(server);
    expectComplete(direct, 'tools', steps);
    expectSame(await drive({ url: await gatewayBefore(server) }), direct);
  });
});
