/**
 * Prints every requirement with the tests that name it in their titles: `[C4]`, `[S3,S7]`, `[S2] [G1]`.
 * Exits 1 where a `proven` one has no test, or a title names an id that does not exist.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Node 20 reads no TypeScript: the types are taken off here. */
async function loadRequirements() {
  const source = readFileSync(join(root, 'test/requirements.ts'), 'utf8');
  const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
  const { outputText } = ts.transpileModule(source, { compilerOptions: options });
  const { requirements } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
  return requirements;
}

function testFiles() {
  return readdirSync(join(root, 'test'), { recursive: true })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => `test/${path.replaceAll('\\', '/')}`)
    .sort();
}

/** Whether a call such as `it.skip(…)` or `describe.todo(…)` only announces a test. */
function isSkipped(callee) {
  for (let at = callee; at !== undefined; at = at.expression) {
    if (ts.isPropertyAccessExpression(at) && ['skip', 'todo'].includes(at.name.text)) return true;
  }
  return false;
}

function titleOf(call) {
  const [title] = call.arguments;
  if (title === undefined) return undefined;
  if (ts.isStringLiteralLike(title)) return title.text;
  return ts.isTemplateExpression(title) ? `${title.head.text}…` : undefined;
}

/** The ids that a title begins with, and the rest of it. */
function parseTitle(title) {
  const [head = ''] = /^(?:\[[A-Z]\d+(?:\s*,\s*[A-Z]\d+)*\]\s*)+/.exec(title) ?? [];
  return { ids: head.match(/[A-Z]\d+/g) ?? [], text: title.slice(head.length) };
}

/** Every `it(…)` and `describe(…)` of a file whose title names requirements. */
function testsIn(file) {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ES2023);
  const found = [];
  const visit = (node) => {
    if (ts.isCallExpression(node) && isSkipped(node.expression)) return;
    if (ts.isCallExpression(node) && node.arguments.length > 1) {
      const { ids, text } = parseTitle(titleOf(node) ?? '');
      if (ids.length > 0) found.push({ file, ids, text });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const requirements = await loadRequirements();
const tests = testFiles().flatMap(testsIn);
const known = new Set(requirements.map(({ id }) => id));
const provers = (id) => tests.filter(({ ids }) => ids.includes(id));

for (const { id, text, status } of requirements) {
  const named = provers(id);
  const word = status === 'proven' && named.length === 0 ? 'NO TEST' : status;
  console.log(`${id.padEnd(4)}${word.padEnd(9)}${text}`);
  const files = groupByFile(named);
  for (const [file, group] of files) {
    console.log(`             ${file}`);
    for (const test of group) console.log(`               ${test.text}`);
  }
}

function groupByFile(named) {
  const groups = new Map();
  for (const test of named) groups.set(test.file, [...(groups.get(test.file) ?? []), test]);
  return groups;
}

const unproven = requirements.filter(({ id, status }) => status === 'proven' && provers(id).length === 0);
const unknown = tests.flatMap(({ file, ids, text }) =>
  ids.filter((id) => !known.has(id)).map((id) => `${file}: [${id}] ${text}`),
);
const open = requirements.filter(({ status }) => status === 'open').length;
console.log(
  `\n${requirements.length} requirements: ${requirements.length - open - unproven.length} proven by ${tests.length} titles, ${open} open, ${unproven.length} without a test`,
);
if (unproven.length > 0) console.error(`without a test: ${unproven.map(({ id }) => id).join(', ')}`);
if (unknown.length > 0) console.error(`no such requirement:\n  ${unknown.join('\n  ')}`);
if (unproven.length + unknown.length > 0) process.exitCode = 1;
