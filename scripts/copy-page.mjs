// The page of the console as it is served: its files stay as they are, so that the build only copies them.
import { cpSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [from, to] = ['src', 'dist'].map((root) =>
  fileURLToPath(new URL(`../${root}/console/page`, import.meta.url)),
);
rmSync(to, { recursive: true, force: true });
cpSync(from, to, { recursive: true, filter: (path) => !/\.d\.ts$|tsconfig\.json$/.test(path) });
