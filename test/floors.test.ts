import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { run } from './support/command.js';

const root = resolve(import.meta.dirname, '..');
const depcruise = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');

interface Cruised {
  readonly status: number | null;
  readonly modules: number;
  /** `rule: from -> to` of each import that breaks a rule. */
  readonly violations: readonly string[];
}

/** What the check of the floors says of the tree in `cwd`. */
async function cruise(cwd: string): Promise<Cruised> {
  const args = [depcruise, '--config', '.dependency-cruiser.cjs', 'src'];
  const [judged, listed] = await Promise.all([
    run(process.execPath, [...args, '--output-type', 'err'], { cwd }),
    run(process.execPath, [...args, '--output-type', 'json'], { cwd }),
  ]);
  const { summary } = JSON.parse(listed.stdout) as {
    summary: { totalCruised: number; violations: { rule: { name: string }; from: string; to: string }[] };
  };
  const violations = summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
  return { status: judged.status, modules: summary.totalCruised, violations };
}

/** What is planted in a copy of the sources, and how the check has to name it. */
const planted: readonly (readonly [path: string, text: string, violation: string])[] = [
  ['pki/a.ts', "import '../cli/io.js';", 'floor-1-pki: src/pki/a.ts -> src/cli/io.ts'],
  ['pki/b.ts', "import '../config/index.js';", 'floor-1-pki: src/pki/b.ts -> src/config/index.ts'],
  ['errors/a.ts', "import '../log.js';", 'floor-0-errors: src/errors/a.ts -> src/log.ts'],
  [
    'wire/a.ts',
    "import type { PluginManager } from '../manager/index.js'; export type A = PluginManager;",
    'floor-3-wire: src/wire/a.ts -> src/manager/index.ts',
  ],
  [
    'hooks/a.ts',
    "export const later = () => import('../tls/index.js');",
    'floor-1-hooks: src/hooks/a.ts -> src/tls/index.ts',
  ],
  ['attic/a.ts', "import '../log.js';", 'every-file-has-a-room: src/attic/a.ts -> src/log.ts'],
  ['cli/a.ts', "import '../index.js';", 'entry-is-not-imported: src/cli/a.ts -> src/index.ts'],
  ['cli/b.ts', "import './nowhere.js';", 'resolvable: src/cli/b.ts -> ./nowhere.js'],
  ['cli/c.ts', "import './c.js';", 'no-circular: src/cli/c.ts -> src/cli/c.ts'],
  ['cli/d.ts', "import 'fast-check';", 'no-dev-dependency: src/cli/d.ts -> '],
];

describe('the floors', () => {
  it('hold, and the check has read the sources', async () => {
    const tree = await cruise(root);
    expect(tree).toMatchObject({ status: 0, violations: [] });
    expect(tree.modules).toBeGreaterThan(50);
  });

  describe('with imports planted', () => {
    let tree: Cruised;
    beforeAll(async () => {
      const copy = await mkdtemp(join(tmpdir(), 'sallyport-floors-'));
      try {
        for (const name of ['src', 'package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
          await cp(join(root, name), join(copy, name), { recursive: true });
        }
        await symlink(join(root, 'node_modules'), join(copy, 'node_modules'));
        for (const [path, text] of planted) {
          await mkdir(dirname(join(copy, 'src', path)), { recursive: true });
          await writeFile(join(copy, 'src', path), `${text}\n`);
        }
        tree = await cruise(copy);
      } finally {
        await rm(copy, { recursive: true });
      }
    });

    it.each(planted)('do not let %s pass, which has %s', (_path, _text, violation) => {
      expect(tree.status).not.toBe(0);
      expect(tree.violations.filter((found) => found.startsWith(violation))).toHaveLength(1);
    });

    it('find nothing else', () => {
      expect(tree.violations).toHaveLength(planted.length);
    });
  });
});
