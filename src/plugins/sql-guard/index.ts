import { RE2JS } from 're2js';
import { z } from 'zod';
import { messageOf } from '../../errors.js';
import { block, modify, proceed } from '../../plugin/index.js';
import { defineFilter, settings } from '../filter.js';
import { mapTexts, type Place } from '../text/index.js';
import { type Analysis, analyse, type SqlRules } from './analyse.js';
import { type DialectName, dialects, type Token } from './tokens.js';

const names = Object.keys(dialects) as [DialectName, ...DialectName[]];

const pattern = z.string().transform((source, context) => {
  try {
    return { source, pattern: RE2JS.compile(source, RE2JS.CASE_INSENSITIVE) };
  } catch (error) {
    const message = `not a regular expression that runs in linear time (RE2): ${messageOf(error)}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
});
const destructive = ['DROP', 'TRUNCATE', 'ALTER', 'GRANT', 'REVOKE'].map((word) => `\\b${word}\\b`);

const Settings = settings({
  fields: z
    .array(z.string())
    .nullable()
    .default(null)
    .describe('The names of the arguments that are SQL, at any depth; null: every text of the arguments.'),
  dialect: z
    .enum(['any', ...names])
    .default('any')
    .describe(
      'How the database reads SQL: its strings, names and comments. `any` reads a text in each way, and what is wrong in one of them counts.',
    ),
  blocked_statements: z
    .array(pattern)
    .prefault(destructive)
    .describe(
      'What stops a call: regular expressions (RE2, in any case) for the SQL without its comments, strings and quoted names.',
    ),
  allowed_statements: z
    .array(z.string().transform((verb) => verb.trim().toUpperCase()))
    .nullable()
    .default(null)
    .describe('The only statements that may be made, such as `[SELECT]`; null: all that nothing else stops.'),
  block_delete_without_where: z
    .boolean()
    .default(true)
    .describe(
      'Whether a `DELETE` without a `WHERE` of its own stops a call, or with one that is always true (`1 = 1`).',
    ),
  block_update_without_where: z.boolean().default(true).describe('The same for `UPDATE`.'),
  block_stacked: z
    .boolean()
    .default(false)
    .describe('Whether more than one statement in a text stops a call.'),
  block_comments: z.boolean().default(false).describe('Whether a comment stops a call.'),
  strip_comments: z
    .boolean()
    .default(true)
    .describe('Whether a blank takes the place of comments, in a text that begins a statement.'),
  require_parameterization: z
    .boolean()
    .default(false)
    .describe(
      'Whether values that are written into the SQL stop a call: it is to have parameters (`?`, `$1`, `:name`).',
    ),
  block_on_violation: z
    .boolean()
    .default(true)
    .describe('Whether a call is stopped; else what was found is in the metadata.'),
});

const notes = `- It looks at arguments of tools and prompts. Strings, quoted names and comments are told from what the database acts by, as the dialect has them: dollar quotes and
  nested comments (PostgreSQL), backslashes, \`#\` and \`/*! … */\` (MySQL, MariaDB), \`[names]\` (SQL Server, SQLite), \`q'[…]'\` (Oracle). Set \`dialect\` where it is known: \`any\` has more false alarms.
- A \`WHERE\` in a subquery is not that of its \`DELETE\`. Statements within \`WITH\` and \`EXPLAIN\`, and those that SQL Server takes without a \`;\`, count as well.
- What a function or a procedure does by itself, SQL that is put together in the database (\`EXECUTE format(…)\`), and data that a \`SELECT\` may read are not seen: give the
  database user no more rights than it needs. This guard is for accidents, and makes attacks harder.
- A violation says what is wrong and where, and nothing of the SQL.`;

export default defineFilter({
  page: {
    title: 'SQL guard',
    summary: 'stops SQL that destroys more than was meant, and takes comments out of it',
    notes,
    examples: [
      {
        title: 'A WHERE of the subquery alone',
        config: { fields: ['sql'], dialect: 'postgresql' },
        hook: 'tool_pre_invoke',
        payload: {
          name: 'query',
          args: {
            sql: "DELETE FROM users /* all? */ USING (SELECT id FROM old WHERE at < now()) o; SELECT 'DROP TABLE x'",
          },
        },
      },
      {
        title: 'Reading alone',
        config: { fields: ['sql'], allowed_statements: ['SELECT'], block_stacked: true },
        hook: 'tool_pre_invoke',
        payload: { name: 'query', args: { sql: 'SELECT name FROM users -- the names\nWHERE id = 7' } },
      },
    ],
  },
  config: Settings,
  setup(set) {
    const rules: SqlRules = {
      blocked: set.blocked_statements,
      allowed: set.allowed_statements === null ? undefined : new Set(set.allowed_statements),
      deleteWithoutWhere: set.block_delete_without_where,
      updateWithoutWhere: set.block_update_without_where,
      stacked: set.block_stacked,
      comments: set.block_comments,
      literals: set.require_parameterization,
    };
    const read = set.dialect === 'any' ? names : [set.dialect];
    const fields = set.fields === null ? undefined : new Set(set.fields);
    const check = (hook: string, payload: Record<string, unknown>, what: string) => {
      const issues: { issue: string; place: string }[] = [];
      const changed = mapTexts(hook, payload, (text, place) => {
        if (fields !== undefined && !isWithin(place, fields)) return text;
        const readings = read.map((dialect) => analyse(text, dialects[dialect], rules));
        // What is no SQL at all is an issue by what is blocked alone: prose may have an allowed word, or a dash.
        const found = new Set(readings.flatMap((reading) => reading.issues));
        for (const issue of found) issues.push({ issue, place: place.pointer() });
        return set.strip_comments ? withoutComments(text, readings) : text;
      });
      const kinds = [...new Set(issues.map(({ issue }) => issue))];
      if (kinds.length > 0 && set.block_on_violation) {
        return block({
          code: 'SQL_SANITIZER',
          reason: 'Risky SQL detected',
          description: `Potentially dangerous SQL detected in ${what}: ${kinds.join('; ')}`,
          details: { issues: kinds, places: issues.slice(0, 100) },
        });
      }
      const metadata = {
        ...(kinds.length > 0 && { sql_issues: kinds }),
        ...(changed !== payload && { sql_sanitized: true }),
      };
      return changed === payload ? proceed(metadata) : modify(changed, metadata);
    };
    return {
      hooks: {
        tool_pre_invoke: (payload) => check('tool_pre_invoke', payload, 'tool args'),
        prompt_pre_fetch: (payload) => check('prompt_pre_fetch', payload, 'prompt args'),
      },
    };
  },
});

function isWithin(place: Place, fields: ReadonlySet<string>): boolean {
  return place
    .pointer()
    .split('/')
    .slice(2)
    .some((part) => fields.has(part.replaceAll('~1', '/').replaceAll('~0', '~')));
}

/** Comments as all readings have them are taken out; where they do not agree, nobody knows what is one. */
function withoutComments(text: string, readings: readonly Analysis[]): string {
  const [first, ...others] = readings;
  if (first === undefined || first.comments.length === 0 || !first.isSql) return text;
  const places = (comments: readonly Token[]) => comments.map(({ start, end }) => `${start}-${end}`).join();
  if (others.some(({ comments }) => places(comments) !== places(first.comments))) return text;
  let made = '';
  let at = 0;
  for (const { start, end } of first.comments) {
    made += `${text.slice(at, start)} `;
    at = end;
  }
  return (made + text.slice(at)).trim();
}
