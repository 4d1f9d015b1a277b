import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { ConfigTemplate, ConfigUnquotedTemplate, ConfigVariableUnset, messageOf } from '../errors.js';
import type { ConfigNode, MapEntry, ScalarNode } from './document.js';
import type { Problems } from './problems.js';
import { looksSecret } from './secrets.js';

export type Env = Readonly<Record<string, string | undefined>>;

/** The lexer takes quadratic time over runs of line ends: 8 KiB cost it a few hundredths of a second. */
const maxTemplate = 8192;

/** What jinja's parser returns, as far as it is looked at here. */
interface Ast {
  readonly type: string;
  readonly value?: unknown;
  readonly computed?: boolean;
  readonly object?: Ast;
  readonly property?: Ast;
  readonly operand?: Ast;
  readonly filter?: Ast;
  readonly callee?: Ast;
  readonly args?: readonly Ast[];
  readonly body?: readonly Ast[];
}

/**
 * Replaces the templates in the values of `node` by what the variables make of them. This happens after
 * parsing, one string at a time: a value with quotes, colons or line ends in it stays one string.
 */
export function render(node: ConfigNode, env: Env, key: string, problems: Problems): ConfigNode {
  switch (node.kind) {
    case 'broken':
      return node;
    case 'list':
      return { ...node, items: node.items.map((item, i) => render(item, env, `${key}[${i}]`, problems)) };
    case 'map': {
      const entry = (from: MapEntry): MapEntry => ({
        ...from,
        value: render(from.value, env, key === '' ? from.key : `${key}.${from.key}`, problems),
      });
      return { ...node, entries: node.entries.map(entry) };
    }
    case 'scalar':
      return typeof node.value === 'string' && /\{[{%]/.test(node.value)
        ? scalar(node, env, key, problems)
        : node;
  }
}

function scalar(node: ScalarNode, env: Env, key: string, problems: Problems): ConfigNode {
  const { place: at, text } = node;
  const broken = { kind: 'broken', place: at } as const;
  if (node.plain) {
    const quoted = looksSecret(key) ? '"…{{ env.NAME }}…"' : JSON.stringify(text);
    problems.add(ConfigUnquotedTemplate({ at, quoted }));
    return broken;
  }
  const names = new Set<string>();
  try {
    if (text.length > maxTemplate)
      throw ConfigTemplate({ at, key, reason: `longer than ${maxTemplate} characters` });
    const program = parseTemplate(text);
    const refused = program.body?.map((part) => refusal(part, names)).find((reason) => reason !== undefined);
    if (refused !== undefined) throw ConfigTemplate({ at, key, reason: refused });
    const unset = program.body?.flatMap((part) => unsetNames(part, env)) ?? [];
    for (const variable of unset) problems.add(ConfigVariableUnset({ at, key, variable }));
    if (unset.length > 0) return broken;
    const value = run(program, env, text.endsWith('\n'));
    const hidden = [...names].some(looksSecret);
    return { ...node, value, text: value, rendered: names.size > 0, hidden };
  } catch (error) {
    problems.add(
      ConfigTemplate.is(error) ? error : ConfigTemplate({ at, key, reason: firstLine(error) }, error),
    );
    return broken;
  }
}

const isSet = (env: Env, name: string): boolean => Object.hasOwn(env, name) && env[name] !== undefined;

function parseTemplate(text: string): Ast {
  return parse(tokenize(text)) as unknown as Ast;
}

/** Runs a template that `refusal` let pass. `env` itself is not in scope: its values stand in as constants. */
function run(program: Ast, env: Env, endsWithLine: boolean): string {
  const scope = new Environment();
  for (const flag of [true, false])
    for (const name of [`${flag}`, flag ? 'True' : 'False']) scope.set(name, flag);
  const constant = (ast: Ast): Ast => {
    if (ast.type === 'FilterExpression' && ast.operand !== undefined) {
      const filter = ast.filter?.args ? { ...ast.filter, args: ast.filter.args.map(constant) } : ast.filter;
      return { ...ast, operand: constant(ast.operand), ...(filter && { filter }) };
    }
    const name = ast.type === 'MemberExpression' ? variableName(ast) : undefined;
    if (name === undefined) return ast;
    return isSet(env, name)
      ? { type: 'StringLiteral', value: env[name] }
      : { type: 'Identifier', value: 'undefined' };
  };
  const body = program.body?.map(constant) ?? [];
  const result: unknown = new Interpreter(scope).run({ type: 'Program', body } as never).value;
  // The lexer drops the last line end, which a YAML block of text has and means to keep.
  return String(result) + (endsWithLine ? '\n' : '');
}

const filters = ['default', 'trim', 'lower', 'upper'];

/**
 * Why a part of a template is refused, or undefined. Only what is listed here is ever run: no loops, no
 * calls, nothing in scope but `env`. Collects the variables that the part names.
 */
function refusal(ast: Ast | undefined, names: Set<string>): string | undefined {
  switch (ast?.type) {
    case 'StringLiteral':
    case 'Comment':
      return undefined;
    case 'MemberExpression': {
      const name = variableName(ast);
      if (name === undefined) return "only variables can be named: 'env.NAME'";
      names.add(name);
      return undefined;
    }
    case 'FilterExpression': {
      const filter = filterName(ast);
      if (!filters.includes(filter)) return `unknown filter '${filter}' (known: ${filters.join(', ')})`;
      const [value, onEmpty, ...more] = ast.filter?.args ?? [];
      // A default may be another variable, with a default of its own.
      const otherwise = value === undefined || isConstant(value) ? undefined : refusal(value, names);
      if (otherwise !== undefined && filter === 'default') return otherwise;
      const constant = onEmpty === undefined || isConstant(onEmpty);
      if (!constant || more.length > 0 || (filter !== 'default' && value !== undefined && !isConstant(value)))
        return `'${filter}' takes constants only`;
      return refusal(ast.operand, names);
    }
    case 'Identifier':
      return `'${String(ast.value)}' is not known here: variables are written 'env.NAME'`;
    default:
      return statements.has(ast?.type ?? '')
        ? 'only expressions, no {% … %} blocks'
        : "only 'env.NAME' and filters, no operators or calls";
  }
}

const statements = new Set([
  'If',
  'For',
  'Set',
  'Macro',
  'Break',
  'Continue',
  'CallStatement',
  'FilterStatement',
]);

function isConstant(arg: Ast): boolean {
  const literal = arg.type === 'StringLiteral' || arg.type === 'IntegerLiteral';
  return literal || (arg.type === 'Identifier' && /^(true|false)$/i.test(String(arg.value)));
}

/** The variables that are needed and not set: where a `default` stands in for one, those that it needs itself. */
function unsetNames(ast: Ast, env: Env): string[] {
  if (ast.type === 'FilterExpression' && ast.operand !== undefined) {
    const unset = unsetNames(ast.operand, env);
    if (filterName(ast) !== 'default' || unset.length === 0) return unset;
    const [otherwise] = ast.filter?.args ?? [];
    return otherwise === undefined ? [] : unsetNames(otherwise, env);
  }
  const name = ast.type === 'MemberExpression' ? variableName(ast) : undefined;
  return name === undefined || isSet(env, name) ? [] : [name];
}

function filterName({ filter }: Ast): string {
  return String((filter?.type === 'CallExpression' ? filter.callee : filter)?.value);
}

function variableName({ object, property, computed }: Ast): string | undefined {
  if (object?.type !== 'Identifier' || object.value !== 'env') return undefined;
  if (property?.type !== (computed ? 'StringLiteral' : 'Identifier')) return undefined;
  const name = String(property?.value);
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : undefined;
}

function firstLine(error: unknown): string {
  if (error instanceof RangeError) return 'nested too deep';
  if (error instanceof TypeError) return 'an expression is not finished';
  return messageOf(error).split('\n')[0] ?? '';
}
