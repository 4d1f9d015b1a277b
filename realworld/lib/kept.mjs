import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { cache } from './programs.mjs';

/**
 * What was found of each server and client, for a run that goes on where one before it stopped. Looks have numbers of
 * any length in them, and are kept as V8 writes them.
 */
const folder = join(cache, 'kept');
const fileOf = (part, { id, version }) => join(folder, `${part}-${id.replaceAll(/\W+/g, '-')}-${version()}`);

/** What an earlier run found of this version, if it did. */
export async function kept(part, subject) {
  const bytes = await readFile(fileOf(part, subject)).catch(() => undefined);
  return bytes && deserialize(bytes);
}

export async function keep(part, subject, found) {
  await mkdir(folder, { recursive: true });
  await writeFile(fileOf(part, subject), serialize(found));
}

/** Begins anew: the folder in which the servers work, whose name is in what they say, and so is the same until all is done. */
export async function begin() {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const place = await mkdtemp(join(tmpdir(), 'realworld-'));
  await writeFile(join(folder, 'place'), place);
  return place;
}

/** Goes on where another run was. */
export async function goOn() {
  const place = await readFile(join(folder, 'place'), 'utf8').catch(() => undefined);
  if (place === undefined) return begin();
  await mkdir(place, { recursive: true });
  return place;
}
