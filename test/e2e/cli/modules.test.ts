import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';

const source = `import { type HookAnswer, block, definePlugin } from 'sallyport/plugin';
const plugin = definePlugin({
  setup: () => ({ hooks: { tool_pre_invoke: (payload): HookAnswer => block({ reason: payload.name, code: 'MINE' }) } }),
});
export default plugin;
export { plugin as Named };
`;

/** What one call of the plugin in `file` ends with. */
async function call(file: string, text: string, exported = '') {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'node_modules'));
  await symlink(resolve(import.meta.dirname, '../../..'), join(folder, 'node_modules/sallyport'));
  await writeFile(join(folder, file), text);
  await writeFile(join(folder, 'p.yaml'), `plugins: [{ name: P, kind: ./${file}${exported} }]\n`);
  const args = ['invoke', 'tool_pre_invoke', '--config', 'p.yaml', '--plugin', 'P', '--payload'];
  return sallyport([...args, '{"name": "t"}', '--json'], { cwd: folder });
}

/** As TypeScript compiles without any setting for modules. */
const compiled = ts.transpileModule(source, {
  compilerOptions: { module: ts.ModuleKind.CommonJS },
}).outputText;

describe('a plugin that TypeScript has compiled to CommonJS', () => {
  it.each(['', '#Named', '#default'])('[S9] loads, by its export %s', async (exported) => {
    expect(compiled).toContain('exports.default =');
    const { status, stdout } = await call('plugin.cjs', compiled, exported);
    expect({ status, code: JSON.parse(stdout).violation.code }).toEqual({ status: 1, code: 'MINE' });
  });
});

describe('a plugin in TypeScript', () => {
  it('[S9] loads where Node reads it; elsewhere the error says to compile', async () => {
    const { status, stdout, stderr } = await call('plugin.ts', source);
    if ((process.features as { typescript?: unknown }).typescript) {
      expect({ status, code: JSON.parse(stdout).violation.code }).toEqual({ status: 1, code: 'MINE' });
    } else {
      expect(status).toBe(3);
      expect(stderr).toContain('SALLY_PLUGIN_MODULE');
      expect(stderr).toContain(`Node ${process.version} does not read TypeScript: compile it`);
    }
  });
});
