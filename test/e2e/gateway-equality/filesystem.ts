import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Step, tool } from './compare.js';

const png = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
  'base64',
);

/** What is done with the files that `layOut` has made. */
export const filesystemSteps = (folder: string): readonly Step[] => {
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

/** `kept` is only read, so that its times are the same for whoever asks; `work` is made anew. */
export async function layOut(folder: string): Promise<void> {
  const kept = join(folder, 'kept');
  if (!existsSync(kept)) {
    await mkdir(kept, { recursive: true });
    await writeFile(join(kept, 'poem.txt'), 'Zwei Zeilen\nmit ☃\n');
    await writeFile(join(kept, 'red.png'), png);
    // The first reading may set the time of access, those after it do not.
    for (const file of ['poem.txt', 'red.png']) await readFile(join(kept, file));
  }
  await rm(join(folder, 'work'), { recursive: true, force: true });
  await mkdir(join(folder, 'work'));
  await writeFile(join(folder, 'work/note.txt'), 'an old note\n');
}
