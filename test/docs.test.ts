import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config/index.js';
import { ConfigInvalid, errorDefinitions } from '../src/errors.js';

const root = resolve(import.meta.dirname, '..');

interface Text {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

interface Example {
  /** `docs/plugins.md:42`: where the block begins. */
  readonly place: string;
  readonly code: string;
}

const read = (path: string): Text => ({ path, text: readFileSync(join(root, path), 'utf8') });
const inFolder = (folder: string, extension: string): Text[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(extension))
    .map((path) => read(`${folder}/${path}`));

const pages = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].map(read).concat(inFolder('docs', '.md'));
const sources = inFolder('src', '.ts');

/** The fenced blocks of a page in a language that the compiler reads. */
function blocksOf({ path, text }: Text): Example[] {
  return [...text.matchAll(/^```(?:ts|js)\n(.*?)^```$/gms)].map((match) => ({
    place: `${path}:${lineOf(text, match.index)}`,
    code: match[1] ?? '',
  }));
}

/** The fenced blocks of the docstrings of a source file. */
function docstringBlocksOf({ path, text }: Text): Example[] {
  return [...text.matchAll(/^ *\* ```ts\n(.*?)^ *\* ```$/gms)].map((match) => ({
    place: `${path}:${lineOf(text, match.index)}`,
    code: (match[1] ?? '').replaceAll(/^ *\* ?/gm, ''),
  }));
}

/** The blocks of a page that are whole configuration files. */
function configurationsOf({ path, text }: Text): Example[] {
  return [...text.matchAll(/^```yaml\n(.*?)^```$/gms)].flatMap((match) => {
    const code = match[1] ?? '';
    if (!/^(gateway|plugins|plugin_settings):/m.test(code)) return [];
    return [{ place: `${path}:${lineOf(text, match.index)}`, code }];
  });
}

/** What the program has against a configuration: what it names is there, and each variable is set. */
function refusalsOf({ place, code }: Example): string[] {
  const env = Object.fromEntries([...code.matchAll(/env\.(\w+)/g)].map(([, name]) => [name, 'a value']));
  const text = /^(gateway|plugins):/m.test(code) ? code : `plugins: []\n${code}`;
  const options = {
    path: '/srv/gateway.yaml',
    cwd: '/srv',
    env,
    side: 'gateway',
    exists: () => true,
  } as const;
  try {
    parseConfig(text, options);
    return [];
  } catch (error) {
    if (!ConfigInvalid.is(error)) throw error;
    return error.context.problems.map(({ message }) => `${place}: ${message}`);
  }
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

/** What the compiler has against the examples, each a module of its own: `place: message`. */
function compile(examples: readonly Example[]): string[] {
  const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  options.paths = {
    sallyport: [join(root, 'src/index.ts')],
    'sallyport/plugin': [join(root, 'src/plugin/index.ts')],
    'sallyport/testing': [join(root, 'src/testing/index.ts')],
    'sallyport/pki': [join(root, 'src/pki/index.ts')],
  };
  // `export {}` makes a module of an example without imports, so that its names are its own.
  const files = new Map(
    examples.map(({ code }, i) => [join(root, `example-${i}.ts`), `${code}\nexport {};\n`]),
  );
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile } = host;
  host.fileExists = (path) => files.has(path) || fileExists(path);
  host.readFile = (path) => files.get(path) ?? readFile(path);
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((path, i) => {
    const source = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(
      ({ messageText }) => `${examples[i]?.place}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
    );
  });
}

const codes = new Set(errorDefinitions().map(({ code }) => code));

/** Codes that no entry of the registry has. One that ends in `_` stands for all that begin so. */
function unknownCodes({ path, text }: Text): string[] {
  return [...new Set(text.match(/SALLY_[A-Z0-9_]+/g))]
    .filter((word) => !codes.has(word))
    .filter((word) => !word.endsWith('_') || ![...codes].some((code) => code.startsWith(word)))
    .map((word) => `${path}: ${word}`);
}

const withoutCode = (text: string): string =>
  text.replaceAll(/^```.*?^```$/gms, '').replaceAll(/`[^`\n]*`/g, 'code');

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  const titles = text.replaceAll(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm);
  return [...titles].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

/** Relative links that lead to no file, or to no heading of it. */
function brokenLinks({ path, text }: Text): string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
  return targets
    .filter((target) => !/^[a-z]+:/.test(target))
    .filter((target) => {
      const [file = '', anchor] = target.split('#');
      const full = resolve(root, dirname(path), file);
      if (!existsSync(full)) return true;
      if (anchor === undefined) return false;
      return !anchorsOf(file === '' ? text : readFileSync(full, 'utf8')).includes(anchor);
    })
    .map((target) => `${path}: ${target}`);
}

describe('the documentation', () => {
  it('its examples compile, and those of the docstrings', () => {
    const examples = [...pages.flatMap(blocksOf), ...sources.flatMap(docstringBlocksOf)];
    expect(examples.length).toBeGreaterThan(10);
    expect(compile(examples)).toEqual([]);
  });

  it('has configurations that the program takes as they are printed', () => {
    const configurations = pages.flatMap(configurationsOf);
    expect(configurations.length).toBeGreaterThan(20);
    expect(configurations.flatMap(refusalsOf)).toEqual([]);
  });

  it('names only error codes that there are', () => {
    expect(pages.flatMap(unknownCodes)).toEqual([]);
  });

  it('links only to what is there', () => {
    expect(pages.flatMap(brokenLinks)).toEqual([]);
  });

  it('speaks of no folder of the machine that it was written on', () => {
    const found = pages.flatMap(({ path, text }) =>
      (text.match(/(?:\/home\/|\/root\/|\/tmp\/|\/work\/)\S*/g) ?? []).map((match) => `${path}: ${match}`),
    );
    expect(found).toEqual([]);
  });
});

describe('the checks above', () => {
  it('see an example that does not compile', () => {
    const page = { path: 'page.md', text: "text\n\n```ts\nexport { nothing } from 'sallyport';\n```\n" };
    expect(compile(blocksOf(page))).toEqual([expect.stringMatching(/^page\.md:3: .*nothing/)]);
  });

  it('see a configuration that the program refuses', () => {
    const page = { path: 'page.md', text: 'text\n\n```yaml\ngateway: {upstreams: {a: {cmd: b}}}\n```\n' };
    expect(configurationsOf(page).flatMap(refusalsOf)).toContain(
      "page.md:3: unknown key 'cmd' in gateway.upstreams.a",
    );
  });

  it('see an example of a docstring', () => {
    const source = {
      path: 'a.ts',
      text: '/**\n * @example\n * ```ts\n * const a: string = 1;\n * ```\n */\n',
    };
    expect(docstringBlocksOf(source)).toEqual([{ place: 'a.ts:3', code: 'const a: string = 1;\n' }]);
  });

  it('see a code that does not exist, and let the beginning of codes pass', () => {
    expect(
      unknownCodes({ path: 'page.md', text: 'SALLY_TLS_… SALLY_USAGE SALLY_NO_SUCH SALLY_X_…' }),
    ).toEqual(['page.md: SALLY_NO_SUCH', 'page.md: SALLY_X_']);
  });

  it('see a link that leads nowhere', () => {
    const text =
      '# A title\n[a](#a-title) [b](#b) [c](package.json) [d](no-such.md) [e](https://example.org/)\n';
    expect(brokenLinks({ path: 'page.md', text })).toEqual(['page.md: #b', 'page.md: no-such.md']);
  });
});
