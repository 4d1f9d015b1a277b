import type { RE2JS } from 're2js';
import { type Dialect, type Token, tokensOf } from './tokens.js';

/** What is looked for. */
export interface SqlRules {
  readonly blocked: readonly { readonly source: string; readonly pattern: RE2JS }[];
  readonly allowed: ReadonlySet<string> | undefined;
  readonly deleteWithoutWhere: boolean;
  readonly updateWithoutWhere: boolean;
  readonly stacked: boolean;
  readonly comments: boolean;
  readonly literals: boolean;
}

/** A text as a database reads it, and what is wrong with it. */
export interface Analysis {
  readonly issues: readonly string[];
  readonly comments: readonly Token[];
  /** Whether a statement begins in it. */
  readonly isSql: boolean;
}

const verbs = new Set(
  'SELECT INSERT UPDATE DELETE MERGE REPLACE UPSERT WITH VALUES TABLE CREATE DROP ALTER TRUNCATE RENAME GRANT REVOKE DENY EXEC EXECUTE CALL DO SET BEGIN START COMMIT ROLLBACK SAVEPOINT EXPLAIN DESCRIBE SHOW USE LOAD COPY ATTACH DETACH PRAGMA VACUUM ANALYZE LOCK DECLARE HANDLER SHUTDOWN KILL BACKUP RESTORE PREPARE REINDEX'.split(
    ' ',
  ),
);

/** What a text is as a database of this dialect reads it. */
export function analyse(text: string, dialect: Dialect, rules: SqlRules): Analysis {
  const tokens = tokensOf(text, dialect);
  const comments = tokens.filter(({ kind }) => kind === 'comment');
  const statements = split(tokens.filter(({ kind }) => kind !== 'comment'));
  const issues = new Set<string>();
  if (rules.comments && comments.length > 0) issues.add('Comment');
  if (rules.stacked && statements.length > 1) issues.add('More than one statement');
  for (const statement of statements) {
    const code = codeOf(statement);
    for (const { source, pattern } of rules.blocked)
      if (pattern.matcher(code).find()) issues.add(`Blocked statement matched: ${source}`);
    const commands = commandsOf(statement);
    if (commands.length > mostCommands) issues.add('Too many commands in a statement');
    for (const { verb, from } of commands) {
      if (rules.allowed !== undefined && !rules.allowed.has(verb))
        issues.add(`Statement not allowed: ${verb}`);
      if (verb === 'DELETE' && rules.deleteWithoutWhere && !restricts(levelFrom(statement, from)))
        issues.add('DELETE without WHERE clause');
      if (verb === 'UPDATE' && rules.updateWithoutWhere && !restricts(levelFrom(statement, from)))
        issues.add('UPDATE without WHERE clause');
    }
    if (rules.allowed !== undefined && commands.length === 0)
      issues.add(`Statement not allowed: ${statement[0]?.kind === 'word' ? statement[0].text : '?'}`);
    if (rules.literals) for (const issue of literalsOf(statement)) issues.add(issue);
  }
  const isSql = statements.some(([first]) => first?.kind === 'word' && verbs.has(first.text));
  return { issues: [...issues], comments, isSql };
}

/** Statements end at `;`, wherever it is: a parenthesis that is never closed hides none. */
function split(tokens: readonly Token[]): Token[][] {
  const statements: Token[][] = [];
  let current: Token[] = [];
  for (const token of tokens) {
    if (token.kind === 'sign' && token.text === ';') {
      statements.push(current);
      current = [];
    } else current.push(token);
  }
  return [...statements, current].filter((statement) => statement.length > 0);
}

/** What a database acts by: words and signs, with strings and names that are quoted as such alone. */
function codeOf(statement: readonly Token[]): string {
  const shown = { string: "''", name: '""' } as const;
  return statement
    .map(({ kind, text }) => (kind === 'string' || kind === 'name' ? shown[kind] : text))
    .join(' ');
}

interface Command {
  readonly verb: string;
  /** Where what comes after the verb begins. */
  readonly from: number;
}

/** More are no statement of a person or a program, and each is looked at by itself. */
const mostCommands = 20;

/** Words before `UPDATE` and `DELETE` that make them a part of another clause. */
const clauses = new Set(['ON', 'FOR', 'DO', 'KEY', 'THEN', 'OR', 'AFTER', 'BEFORE', 'OF', 'INSTEAD']);

/** Commands that change rows. */
const changes = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);
/** Commands that are none of a query, wherever they stand: SQL Server wants no `;` between statements. */
const acts = new Set(
  'DROP CREATE ALTER TRUNCATE GRANT REVOKE DENY EXEC EXECUTE SHUTDOWN ATTACH DETACH PRAGMA RECONFIGURE'.split(
    ' ',
  ),
);

/** The commands of a statement: the one that it begins with, those in parentheses, and those that follow without a `;`. */
function commandsOf(statement: readonly Token[]): Command[] {
  const commands: Command[] = [];
  for (const [i, token] of statement.entries()) {
    if (commands.length > mostCommands) break;
    // What comes after WITH says what it does.
    if (token.text === 'WITH' || !begins(statement, i)) continue;
    commands.push({ verb: token.text, from: i + 1 });
  }
  return commands;
}

function begins(statement: readonly Token[], at: number): boolean {
  const [before, token, after] = [statement[at - 1], statement[at], statement[at + 1]];
  if (token?.kind !== 'word' || !verbs.has(token.text)) return false;
  if (before === undefined) return true;
  if (isSign(before, '.') || isSign(after, '.')) return false;
  const { text: verb } = token;
  if (isSign(before, '(')) return verb === 'SELECT' || changes.has(verb);
  if (verb === 'SELECT') return isSign(before, ')');
  if (changes.has(verb)) return !clauses.has(before.text) && isChange(statement, at);
  return acts.has(verb) && after?.kind === 'word';
}

const isSign = (token: Token | undefined, sign: string): boolean =>
  token?.kind === 'sign' && token.text === sign;

/** Whether a word that is one of `changes` is a command here, and no column of that name. */
function isChange(statement: readonly Token[], at: number): boolean {
  const [token, next] = [statement[at], statement[at + 1]];
  if (next?.kind !== 'word' && next?.kind !== 'name') return false;
  if (token?.text === 'UPDATE')
    return statement.slice(at + 1, at + 400).some(({ kind, text }) => kind === 'word' && text === 'SET');
  if (token?.text === 'DELETE') return !['AS', 'IN', 'IS', 'AND', 'OR'].includes(next.text);
  return next.text === 'INTO';
}

/** The tokens of one level from here on, until it is closed. */
function levelFrom(statement: readonly Token[], from: number): Token[] {
  const level: Token[] = [];
  let depth = 0;
  for (let at = from; at < statement.length; at += 1) {
    const token = statement[at] as Token;
    if (isSign(token, ')')) depth -= 1;
    if (depth < 0) break;
    if (depth === 0) level.push(token);
    if (isSign(token, '(')) depth += 1;
  }
  return level;
}

/** Whether there is a `WHERE` at this level that is not true for every row in the plainest way. */
function restricts(rest: readonly Token[]): boolean {
  const at = rest.findIndex(({ kind, text }) => kind === 'word' && text === 'WHERE');
  if (at === -1) return false;
  const condition = rest.slice(at + 1);
  const [a, sign, b, ...more] = condition;
  if (a === undefined) return false;
  if (condition.length === 1) return !(a.text === 'TRUE' || (a.kind === 'number' && Number(a.text) !== 0));
  return !(b !== undefined && more.length === 0 && sign?.text === '=' && a.text === b.text);
}

function literalsOf(statement: readonly Token[]): string[] {
  const found: string[] = [];
  if (!statement.some(({ kind, text }) => kind === 'word' && /^(SELECT|INSERT|UPDATE|DELETE)$/.test(text)))
    return found;
  const bounds = new Set(['LIMIT', 'OFFSET', 'TOP', 'FETCH', 'FIRST', 'NEXT']);
  for (const [i, token] of statement.entries()) {
    const before = statement[i - 1];
    const isLiteral = token.kind === 'string' || (token.kind === 'number' && !bounds.has(before?.text ?? ''));
    if (isLiteral) found.push('Inline literal values detected; use bind parameters instead');
    const joined =
      token.kind === 'sign' &&
      token.text === '+' &&
      (before?.kind === 'string' || statement[i + 1]?.kind === 'string');
    const template = token.kind === 'sign' && (token.text === '{' || token.text === '%');
    if (joined || template) found.push('Possible non-parameterized interpolation detected');
  }
  return found;
}
