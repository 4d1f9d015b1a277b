import type { ASTNode, Environment } from '@marcbachmann/cel-js';
import { nearest } from '../../nearest.js';
import { fieldsOf, patternOf, standIns, type VariableName, variables } from './environment.js';

/** What a rule can be found by: it can hold only where one of these texts is that of the request. */
export const dimensions = ['subject', 'user', 'upstream', 'tenant', 'server', 'method'] as const;
export type Dimension = (typeof dimensions)[number];

/** The fields that a literal can be compared with, and what of a request they are. */
const paths: Readonly<Record<string, Dimension>> = {
  'tool.name': 'subject',
  'prompt.name': 'subject',
  'resource.uri': 'subject',
  'user.name': 'user',
  upstream: 'upstream',
  tenant: 'tenant',
  server: 'server',
  'mcp.method': 'method',
};

/** The key of a subject in the index: a tool and a prompt of one name are two things. */
export const subjectKey = (variable: 'tool' | 'prompt' | 'resource', name: string) => `${variable} ${name}`;

/** One literal that a rule compares something with. */
export interface Literal {
  readonly path: string;
  readonly text: string;
  readonly offset: number;
}

/** What is known of an expression before it is evaluated. */
export interface Facts {
  readonly mentions: ReadonlySet<VariableName>;
  /** By dimension the texts of which one must be the request's; absent where any may be. */
  readonly needs: Readonly<Partial<Record<Dimension, ReadonlySet<string>>>>;
  readonly literals: readonly Literal[];
  readonly readsAnnotations: boolean;
  /** How deep macros stand in each other: how often the innermost part runs is the size of the arguments to this power. */
  readonly loops: number;
}

/** A compiled expression, or what is wrong with it and where in its text. */
export type Compiled =
  | { readonly run: (context: object) => unknown; readonly facts: Facts }
  | { readonly problem: string; readonly offset: number };

const loopMacros = new Set(['all', 'exists', 'exists_one', 'map', 'filter']);

/** Parses an expression, checks its types and finds out what it reads. */
export function compile(text: string, environment: Environment): Compiled {
  try {
    const parsed = environment.parse(text);
    const walk = new Walk();
    walk.visit(parsed.ast, 0);
    if (walk.problem !== undefined) return walk.problem;
    const checked = parsed.check();
    if (!checked.valid) return problemOf(checked.error, text);
    if (checked.type !== 'bool' && checked.type !== 'dyn')
      return { problem: `it is of type ${checked.type}, and a rule is true or false`, offset: 0 };
    return { run: parsed as (context: object) => unknown, facts: walk.facts(parsed.ast) };
  } catch (error) {
    return problemOf(error, text);
  }
}

function problemOf(error: unknown, text: string): { problem: string; offset: number } {
  const { summary, message, range } = error as {
    summary?: string;
    message?: string;
    range?: { start: number };
  };
  let problem = summary ?? message ?? 'it cannot be read';
  for (const [name, standIn] of Object.entries(standIns)) problem = problem.replaceAll(standIn, name);
  const offset = Math.min(range?.start ?? 0, text.length);
  return { problem: withHint(problem, text, offset), offset };
}

/** What most people have meant who write this. */
function withHint(problem: string, text: string, offset: number): string {
  const [, unknown] = /^Unknown variable: (\w+)/.exec(problem) ?? [];
  if (unknown !== undefined) {
    const names = Object.keys(variables);
    const meant = nearest(unknown, names);
    return `there is no '${unknown}' here: ${meant === undefined ? `there are ${names.join(', ')}` : `'${meant}' is near`}`;
  }
  const [, field] = /^No such key: (\w+)/.exec(problem) ?? [];
  const [, owner] = /(\w+)\s*\.\s*$/.exec(text.slice(0, offset)) ?? [];
  if (field !== undefined && owner !== undefined && Object.hasOwn(variables, owner)) {
    const fields = fieldsOf(owner as VariableName) ?? [];
    return `${owner} has no '${field}': it has ${fields.join(', ')}`;
  }
  const [, type] = /no such overload: (User|Tool|Prompt|Resource|Client|Mcp)\b/.exec(problem) ?? [];
  const variable = type?.toLowerCase() as VariableName | undefined;
  if (variable !== undefined)
    return `${problem}: ${variable} is no text; it has ${(fieldsOf(variable) ?? []).join(', ')}`;
  if (/Cannot index type 'string'/.test(problem))
    return `${problem}: tenant, upstream and server are texts themselves`;
  return problem;
}

type Args = readonly unknown[];

class Walk {
  readonly #mentions = new Set<VariableName>();
  readonly #literals: Literal[] = [];
  #annotations = false;
  #loops = 0;
  problem: { problem: string; offset: number } | undefined;

  /** Notes what stands in a node, and puts bounded functions in the place of those that are not. */
  visit(node: ASTNode, loops: number): void {
    this.#loops = Math.max(this.#loops, loops);
    const { op, args } = node as { op: string; args: unknown };
    if (op === 'id' && Object.hasOwn(variables, args as string)) this.#mentions.add(args as VariableName);
    if (op === '.' || op === '.?') this.#annotations ||= (args as Args)[1] === 'annotations';
    if (op === '[]') this.#annotations ||= pathOf(node) === 'tool.annotations';
    if (op === '==' || op === '!=' || op === 'in') this.#compare(node);
    let inner = loops;
    if (op === 'rcall') {
      const call = args as [string, ASTNode, ASTNode[]];
      const [name, , given] = call;
      if (loopMacros.has(name)) {
        inner = loops + 1;
        this.#bind(given[0]);
        this.visit(call[1], loops);
        for (const one of given.slice(1)) this.visit(one, inner);
        return;
      }
      if (name === 'bind') this.#bind(given[0]);
      this.#bound(call);
    }
    for (const child of childrenOf(args)) this.visit(child, inner);
  }

  facts(root: ASTNode): Facts {
    return {
      mentions: this.#mentions,
      needs: needsOf(root),
      literals: this.#literals,
      readsAnnotations: this.#annotations && this.#mentions.has('tool'),
      loops: this.#loops,
    };
  }

  /** A name that a macro gives would stand for something else in one part of the rule. */
  #bind(variable: ASTNode | undefined): void {
    if (variable?.op === 'id' && Object.hasOwn(variables, variable.args))
      this.problem ??= {
        problem: `'${variable.args}' is what is asked about: give the variable of the macro another name`,
        offset: variable.start,
      };
  }

  #bound(call: [string, ASTNode, ASTNode[]]): void {
    const [name, , given] = call;
    const [first] = given;
    if (given.length !== 1 || !Object.hasOwn(standIns, name) || first === undefined) return;
    const literal = first.op === 'value';
    // Searching for a text that the rule itself has is linear enough.
    if (name !== 'matches' && literal) return;
    call[0] = standIns[name as keyof typeof standIns];
    if (name !== 'matches' || !literal || typeof first.args !== 'string') return;
    try {
      patternOf(first.args);
    } catch (error) {
      this.problem ??= {
        problem: `'${first.args}' is no expression of RE2: ${(error as Error).message}`,
        offset: first.start,
      };
    }
  }

  #compare(node: ASTNode): void {
    const found = comparison(node, true);
    for (const text of found?.texts ?? [])
      this.#literals.push({ path: found?.path ?? '', text, offset: node.start });
  }
}

function childrenOf(args: unknown): ASTNode[] {
  if (Array.isArray(args)) return args.flatMap(childrenOf);
  return typeof args === 'object' && args !== null && 'op' in args ? [args as ASTNode] : [];
}

/** `tool.name` of `tool.name` and `tool["name"]`. */
function pathOf(node: ASTNode): string | undefined {
  if (node.op === 'id') return node.args;
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [of, field] = node.args;
  const owner = pathOf(of);
  const name = typeof field === 'string' ? field : field.op === 'value' ? field.args : undefined;
  return owner !== undefined && typeof name === 'string' ? `${owner}.${name}` : undefined;
}

/** What is compared with which literals: `tool.name == "a"`, `"a" == tool.name`, `tool.name in ["a", "b"]`. */
function comparison(node: ASTNode, unequal = false): { path: string; texts: readonly string[] } | undefined {
  if (node.op === 'in') {
    const [one, list] = node.args;
    const path = pathOf(one);
    if (path === undefined || list.op !== 'list') return undefined;
    const texts = list.args.map((item) => (item.op === 'value' ? item.args : undefined));
    return texts.every((text) => typeof text === 'string') ? { path, texts } : undefined;
  }
  if (node.op !== '==' && !(unequal && node.op === '!=')) return undefined;
  for (const [one, other] of [node.args as [ASTNode, ASTNode], [...(node.args as ASTNode[])].reverse()]) {
    const path = one && pathOf(one);
    if (path !== undefined && other?.op === 'value' && typeof other.args === 'string')
      return { path, texts: [other.args] };
  }
  return undefined;
}

type Needs = Partial<Record<Dimension, ReadonlySet<string>>>;

/**
 * What has to be so for the expression to be true. `a && b` is false where one of them is, also where the other fails; of `a || b`
 * only what both need is needed.
 */
function needsOf(node: ASTNode): Needs {
  if (node.op === '&&' || node.op === '||') {
    const [a, b] = node.args.map(needsOf) as [Needs, Needs];
    const needs: Needs = {};
    for (const dimension of dimensions) {
      const [one, other] = [a[dimension], b[dimension]];
      const both =
        one === undefined || other === undefined
          ? node.op === '&&'
            ? (one ?? other)
            : undefined
          : node.op === '&&'
            ? new Set([...one].filter((text) => other.has(text)))
            : new Set([...one, ...other]);
      if (both !== undefined) needs[dimension] = both;
    }
    return needs;
  }
  const found = comparison(node);
  const dimension = found && paths[found.path];
  if (found === undefined || dimension === undefined) return {};
  // Of a rule about several kinds of things those that the request is not about have empty names.
  if (dimension === 'subject' && found.texts.includes('')) return {};
  const [variable] = found.path.split('.');
  const key = (text: string) =>
    dimension === 'subject' ? subjectKey(variable as 'tool' | 'prompt' | 'resource', text) : text;
  return { [dimension]: new Set(found.texts.map(key)) };
}
