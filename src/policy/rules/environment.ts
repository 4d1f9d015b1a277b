import { Environment } from '@marcbachmann/cel-js';
import { RE2JS } from 're2js';

/** What has fields in CEL: the evaluator knows a type by its class. */
class Fields<F extends object> {
  constructor(fields: F) {
    Object.assign(this, fields);
  }
}

/** What a tool says of itself. */
export class Annotations extends Fields<{
  readOnlyHint: boolean;
  destructiveHint: boolean;
  idempotentHint: boolean;
  openWorldHint: boolean;
  title: string;
}> {}
export class Tool extends Fields<{ name: string; public_name: string; annotations: Annotations }> {}
export class Prompt extends Fields<{ name: string; public_name: string }> {}
export class Resource extends Fields<{ uri: string; template: string }> {}
export class User extends Fields<{ name: string; groups: readonly string[]; method: string }> {}
export class ClientInfo extends Fields<{ name: string; version: string }> {}
export class Mcp extends Fields<{ method: string }> {}

/** What a rule can read: its name, and its type in CEL. */
export const variables = {
  user: 'User',
  tenant: 'string',
  claims: 'map<string, dyn>',
  client: 'Client',
  mcp: 'Mcp',
  tool: 'Tool',
  prompt: 'Prompt',
  resource: 'Resource',
  upstream: 'string',
  server: 'string',
  args: 'map<string, dyn>',
} as const;

export type VariableName = keyof typeof variables;

const types = {
  Annotations: {
    ctor: Annotations,
    fields: {
      readOnlyHint: 'bool',
      destructiveHint: 'bool',
      idempotentHint: 'bool',
      openWorldHint: 'bool',
      title: 'string',
    },
  },
  Tool: { ctor: Tool, fields: { name: 'string', public_name: 'string', annotations: 'Annotations' } },
  Prompt: { ctor: Prompt, fields: { name: 'string', public_name: 'string' } },
  Resource: { ctor: Resource, fields: { uri: 'string', template: 'string' } },
  User: { ctor: User, fields: { name: 'string', groups: 'list<string>', method: 'string' } },
  Client: { ctor: ClientInfo, fields: { name: 'string', version: 'string' } },
  Mcp: { ctor: Mcp, fields: { method: 'string' } },
} as const;

/** The fields of a variable; undefined for one without. */
export function fieldsOf(variable: VariableName): readonly string[] | undefined {
  const type = variables[variable];
  return Object.hasOwn(types, type) ? Object.keys(types[type as keyof typeof types].fields) : undefined;
}

/**
 * Functions of the evaluator whose time is not linear, by the names under which bounded ones stand in for them. Its `matches` is the
 * expression engine of JavaScript, which takes for ever on some texts; searching one text of a client in another takes the product.
 */
export const standIns = {
  matches: 'matches_re2',
  contains: 'contains_bounded',
  indexOf: 'indexOf_bounded',
  lastIndexOf: 'lastIndexOf_bounded',
} as const;

/** What one decision may cost, in steps of about a tenth of a microsecond. */
export const maxSteps = 300_000;
/** Characters that an expression may be long: more is nobody's hand. */
const maxPattern = 2_000;

/** What is left of the cost of the decision that is made at the moment. Evaluation waits for nothing: there is only one. */
export const meter = { left: maxSteps };

/** Takes `steps` from what is left; throws where that is too little. The throw is caught as a rule that fails. */
export function spend(steps: number): void {
  meter.left -= steps;
  if (meter.left < 0) throw new RangeError('evaluating the rules takes too long on these arguments');
}

const patterns = new Map<string, RE2JS>();

/** A compiled expression (RE2, linear time). Throws where it is none. */
export function patternOf(text: string): RE2JS {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  if (text.length > maxPattern) throw new RangeError('the expression is too long');
  const made = RE2JS.compile(text);
  // One that comes of arguments must not fill the memory.
  if (patterns.size >= 5_000) patterns.clear();
  patterns.set(text, made);
  return made;
}

const search =
  <R>(find: (text: string, part: string) => R) =>
  (text: string, part: string) => {
    spend((text.length * Math.max(1, part.length)) / 1_000);
    return find(text, part);
  };

/** An environment of its own for a set of rules: it remembers types that it has seen, and goes with them. */
export function createEnvironment(): Environment {
  const sync = { async: false };
  const environment = new Environment({
    enableOptionalTypes: true,
    homogeneousAggregateLiterals: false,
    limits: {
      maxAstNodes: 5_000,
      maxDepth: 100,
      maxListElements: 2_000,
      maxMapEntries: 500,
      maxCallArguments: 16,
    },
  });
  for (const [name, type] of Object.entries(types)) environment.registerType(name, type as never);
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  return environment
    .registerFunction(
      `string.${standIns.matches}(string): bool`,
      (text: string, pattern: string) => {
        spend(text.length / 4 + 10);
        return patternOf(pattern).matcher(text).find();
      },
      sync,
    )
    .registerFunction(
      `string.${standIns.contains}(string): bool`,
      search((text, part) => text.includes(part)),
      sync,
    )
    .registerFunction(
      `string.${standIns.indexOf}(string): int`,
      search((text, part) => BigInt(text.indexOf(part))),
      sync,
    )
    .registerFunction(
      `string.${standIns.lastIndexOf}(string): int`,
      search((text, part) => BigInt(text.lastIndexOf(part))),
      sync,
    )
    .registerFunction('cleanPath(string): string', cleanPath, sync);
}

/** A path as a program that opens it reads it: `.` and `..` gone, one slash between parts. It does not follow links. */
function cleanPath(path: string): string {
  const parts: string[] = [];
  const rooted = /^[/\\]/.test(path);
  for (const part of path.split(/[/\\]+/)) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!rooted) parts.push(part);
  }
  return (rooted ? '/' : '') + parts.join('/');
}
