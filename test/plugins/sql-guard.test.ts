import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DialectName, dialects, tokensOf } from '../../src/plugins/sql-guard/tokens.js';
import { startFilter } from './run.js';

/** What is wrong with an SQL text. */
async function issues(sql: string, config: Record<string, unknown> = {}): Promise<readonly string[]> {
  const filter = await startFilter('sallyport/sql-guard', config);
  const { violation } = await filter.call('tool_pre_invoke', { name: 'query', args: { sql } });
  return ((violation?.details as { issues?: string[] } | undefined)?.issues ?? []).map((issue) =>
    issue.replace(/^Blocked statement matched: \\b(\w+)\\b$/, '$1').replace(/ without WHERE clause$/, ''),
  );
}

async function cleaned(sql: string, config: Record<string, unknown> = {}): Promise<string> {
  const filter = await startFilter('sallyport/sql-guard', { block_on_violation: false, ...config });
  const { modified_payload } = await filter.call('tool_pre_invoke', { name: 'query', args: { sql } });
  return (modified_payload as { args: { sql: string } } | null)?.args.sql ?? sql;
}

describe('what is dangerous', () => {
  it.each<[string, DialectName | 'any', readonly string[]]>([
    ['SELECT * FROM t', 'any', []],
    ['drop table t', 'any', ['DROP']],
    ['SELECT 1; DROP TABLE t', 'any', ['DROP']],
    ['DR/**/OP TABLE t', 'ansi', []],
    ["SELECT 'DROP TABLE t'", 'any', []],
    ['SELECT "drop" FROM t', 'postgresql', []],
    ['SELECT `drop` FROM t', 'mysql', []],
    ['SELECT [drop] FROM t', 'sqlserver', []],
    ['SELECT $$ DROP TABLE t $$', 'postgresql', []],
    ['SELECT $a$ $b$ DROP $b$ $a$', 'postgresql', []],
    ["SELECT q'[it's DROP]' FROM dual", 'oracle', []],
    ["SELECT E'\\'; DROP TABLE t; --'", 'postgresql', []],
    ["SELECT '\\'; DROP TABLE t; --'", 'postgresql', ['DROP']],
    ["SELECT '\\'; DROP TABLE t; --'", 'mysql', []],
    ["SELECT '\\'; DROP TABLE t; --'", 'any', ['DROP']],
    ['SELECT /* /* */ DROP */ 1', 'postgresql', []],
    ['SELECT /* /* */ DROP TABLE t -- */ 1', 'mysql', ['DROP']],
    ['SELECT 1 /*!50000 ; DROP TABLE t */', 'mysql', ['DROP']],
    ['SELECT 1 /*!50000 ; DROP TABLE t */', 'postgresql', []],
    ['SELECT 1 --DROP TABLE t', 'ansi', []],
    ['SELECT 1 --DROP', 'mysql', ['DROP']],
    ['SELECT 1 # ; DROP TABLE t', 'mysql', []],
    ['SELECT 1 # ; DROP TABLE t', 'postgresql', ['DROP']],
    [
      'ALTER TABLE t; GRANT a TO b; REVOKE a FROM b; TRUNCATE t',
      'any',
      ['ALTER', 'GRANT', 'REVOKE', 'TRUNCATE'],
    ],
    ['DELETE FROM t', 'any', ['DELETE']],
    ['DELETE FROM t WHERE id = 1', 'any', []],
    ['DELETE FROM t; SELECT 1 WHERE 1 = 2', 'any', ['DELETE']],
    ['DELETE FROM t -- WHERE id = 1', 'any', ['DELETE']],
    ["DELETE FROM t /* WHERE */ RETURNING 'WHERE'", 'any', ['DELETE']],
    ['DELETE FROM t USING (SELECT id FROM o WHERE x) o', 'any', ['DELETE']],
    ['DELETE FROM t WHERE 1 = 1', 'any', ['DELETE']],
    ['DELETE FROM t WHERE TRUE', 'any', ['DELETE']],
    ["DELETE FROM t WHERE 'a'='a'", 'any', ['DELETE']],
    ['DELETE t', 'sqlserver', ['DELETE']],
    ['UPDATE t SET a = 1', 'any', ['UPDATE']],
    ['UPDATE t SET a = (SELECT b FROM c WHERE d)', 'any', ['UPDATE']],
    ['UPDATE t SET a = 1 WHERE id IN (SELECT 1)', 'any', []],
    ['SELECT * FROM t FOR UPDATE', 'any', []],
    ['INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1', 'postgresql', []],
    ['INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1', 'mysql', []],
    ['WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone WHERE x', 'postgresql', ['DELETE']],
    ['WITH a AS (SELECT 1 WHERE x) UPDATE t SET b = 1', 'postgresql', ['UPDATE']],
    ['EXPLAIN ANALYZE DELETE FROM t', 'postgresql', ['DELETE']],
    ['SELECT 1 DELETE FROM t', 'sqlserver', ['DELETE']],
    ['SELECT deleted, delete_at, t.update FROM t', 'any', []],
    ['', 'any', []],
  ])('%j for %s', async (sql, dialect, expected) => {
    expect([...(await issues(sql, { dialect }))].sort()).toEqual([...expected].sort());
  });

  it.each<[string, readonly string[]]>([
    ['SELECT a FROM t WHERE id = ?', []],
    ['WITH a AS (SELECT 1) SELECT * FROM a', []],
    ['INSERT INTO t VALUES (1)', ['Statement not allowed: INSERT']],
    ['SELECT 1; EXEC xp_cmdshell', ['Statement not allowed: EXEC']],
    ['SELECT 1 EXEC xp_cmdshell', ['Statement not allowed: EXEC']],
    ['WITH a AS (INSERT INTO t VALUES (1)) SELECT 1', ['Statement not allowed: INSERT']],
    ['nothing of the kind', ['Statement not allowed: NOTHING']],
  ])('where SELECT alone is allowed: %j', async (sql, expected) => {
    expect(await issues(sql, { allowed_statements: ['select'] })).toEqual(expected);
  });

  it('is more than one statement, a comment or a value, where that is set', async () => {
    expect(await issues('SELECT 1; SELECT 2', { block_stacked: true })).toEqual(['More than one statement']);
    expect(await issues("SELECT 1; -- 'end'", { block_stacked: true, dialect: 'ansi' })).toEqual([]);
    expect(await issues('SELECT 1 -- why', { block_comments: true })).toEqual(['Comment']);
    const literals = { require_parameterization: true };
    expect(await issues("SELECT a FROM t WHERE b = 'x'", literals)).toHaveLength(1);
    expect(await issues('SELECT a FROM t WHERE b = {name}', literals)).toHaveLength(1);
    expect(await issues('SELECT a FROM t WHERE b = $1 AND c = :d LIMIT 5', literals)).toEqual([]);
  });

  it('is what the expressions of the file find, and nothing else', async () => {
    const config = { blocked_statements: ['xp_\\w+'] };
    expect(await issues('EXEC XP_cmdshell', config)).toEqual(['Blocked statement matched: xp_\\w+']);
    expect(await issues('DROP TABLE t', config)).toEqual([]);
    await expect(startFilter('sallyport/sql-guard', { blocked_statements: ['(?<=a)b'] })).rejects.toThrow(
      /RE2/,
    );
  });

  it('is looked for in the fields that are named, at any depth', async () => {
    const filter = await startFilter('cpex_sql_sanitizer.SQLSanitizerPlugin', { fields: ['sql'] });
    const call = async (args: unknown) =>
      (await filter.call('tool_pre_invoke', { name: 't', args })).continue_processing;
    expect(await call({ text: 'drop me a line' })).toBe(true);
    expect(await call({ batch: [{ sql: ['DROP TABLE t'] }] })).toBe(false);
    const prompt = await filter.call('prompt_pre_fetch', { prompt_id: 'p', args: { sql: 'DROP TABLE t' } });
    expect(prompt.violation?.code).toBe('SQL_SANITIZER');
  });

  it('is told without the SQL itself', async () => {
    const filter = await startFilter('sallyport/sql-guard');
    const { violation } = await filter.call('tool_pre_invoke', {
      name: 't',
      args: { q: "DROP TABLE secret WHERE 'pw'" },
    });
    expect(JSON.stringify(violation)).not.toMatch(/secret|pw/);
    expect(violation?.details).toMatchObject({ places: [{ place: '/args/q' }] });
  });
});

describe('comments', () => {
  it.each<[string, string, string]>([
    ['SELECT 1 -- one\n+ 1', 'any', 'SELECT 1  \n+ 1'],
    ['SELECT /* a */ 1', 'any', 'SELECT   1'],
    ["SELECT '-- no /* comment */'", 'any', "SELECT '-- no /* comment */'"],
    ['SELECT /* /* a */ b */ 1', 'postgresql', 'SELECT   1'],
    // The two ways to read it do not agree.
    ['SELECT /* /* a */ b */ 1', 'any', 'SELECT /* /* a */ b */ 1'],
    ['a text -- with dashes', 'any', 'a text -- with dashes'],
  ])('%j for %s', async (sql, dialect, expected) => {
    expect(await cleaned(sql, { dialect })).toBe(expected);
  });

  it('stay where that is set', async () => {
    expect(await cleaned('SELECT 1 -- a', { strip_comments: false })).toBe('SELECT 1 -- a');
  });
});

describe('tokens', () => {
  const texts = fc.string({
    unit: fc.constantFrom(
      "'",
      '"',
      '$',
      'a',
      '-',
      '/',
      '*',
      '\\',
      '[',
      ']',
      ' ',
      '\n',
      ';',
      'q',
      '#',
      '!',
      '1',
    ),
    maxLength: 60,
  });

  it.each(Object.keys(dialects) as DialectName[])('of any text are in order and within it: %s', (name) => {
    fc.assert(
      fc.property(texts, (text) => {
        let at = 0;
        for (const token of tokensOf(text, dialects[name])) {
          expect(token.start).toBeGreaterThanOrEqual(at);
          expect(token.end).toBeGreaterThan(token.start);
          expect(token.end).toBeLessThanOrEqual(text.length);
          at = token.end;
        }
      }),
    );
  });

  it.each(["'a' ", '/* ', '/**/', '-- \n', '$a$ ', "''", '[a] ', 'DELETE a ', '(', "e'\\"])(
    'of a long text of %j are had in linear time',
    async (unit) => {
      const size = 200_000;
      await issues(unit.repeat(size / unit.length));
    },
    120_000,
  );
});
