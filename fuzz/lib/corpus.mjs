import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../corpus', import.meta.url));

/** The inputs that are kept for a target, by the names of their files. */
export function readCorpus(target) {
  const own = join(folder, target);
  return readdirSync(own)
    .sort()
    .map((name) => ({ name, input: readFileSync(join(own, name)) }));
}

/** Keeps an input that something was found with; its path. */
export function keep(target, input) {
  const own = join(folder, target);
  mkdirSync(own, { recursive: true });
  const path = join(own, `crash-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`);
  writeFileSync(path, input);
  return path;
}
