import { pdf } from '../lib/pdf.mjs';
import { pypi, pythonOf, wrapped } from '../lib/programs.mjs';

/** Servers from PyPI. */
export const pypiServers = [
  {
    id: 'time',
    ...pypi('reference', 'mcp-server-time'),
    stdio: () => ({ args: ['--local-timezone', 'Europe/Paris'] }),
    http: wrapped('mcp-proxy'),
    calls: () => [
      ['get_current_time', { timezone: 'Asia/Tokyo' }],
      ['get_current_time', { timezone: 'Mars/Base' }],
      ['convert_time', { source_timezone: 'UTC', time: '12:30', target_timezone: 'Asia/Kathmandu' }],
    ],
  },
  {
    id: 'git',
    ...pypi('reference', 'mcp-server-git'),
    stdio: ({ work }) => ({ args: ['--repository', work] }),
    http: wrapped('supergateway'),
    repository: true,
    calls: ({ work }) => [
      ['git_status', { repo_path: work }],
      ['git_log', { repo_path: work, max_count: 1 }],
      ['git_show', { repo_path: work, revision: 'HEAD' }],
      ['git_diff', { repo_path: work, target: '--output=x' }],
      ['git_status', { repo_path: '/' }],
    ],
  },
  {
    id: 'fetch',
    ...pypi('reference', 'mcp-server-fetch'),
    stdio: () => ({ args: ['--ignore-robots-txt'] }),
    http: wrapped('mcp-proxy'),
    calls: ({ page }) => [
      ['fetch', { url: page }],
      ['fetch', { url: page, raw: true, max_length: 20 }],
      ['fetch', { url: `${page}missing` }],
      ['fetch', { url: 'http://127.0.0.1:9/' }],
    ],
    prompts: ({ page }) => [['fetch', { url: page }]],
  },
  {
    id: 'sqlite',
    ...pypi('generation1', 'mcp-server-sqlite'),
    stdio: ({ work }) => ({ args: ['--db-path', `${work}/a.db`] }),
    http: wrapped('supergateway'),
    calls: () => [
      ['create_table', { query: 'CREATE TABLE t (a INTEGER, b TEXT)' }],
      ['write_query', { query: "INSERT INTO t VALUES (9007199254740993, 'x')" }],
      ['read_query', { query: 'SELECT * FROM t' }],
      ['read_query', { query: 'SELECT nonsense' }],
      ['append_insight', { insight: 'tables have rows' }],
    ],
    prompts: () => [['mcp-demo', { topic: 'sheep' }]],
  },
  {
    id: 'duckdb',
    ...pypi('generation1', 'mcp-server-duckdb'),
    stdio: ({ work }) => ({ args: ['--db-path', `${work}/a.db`] }),
    http: wrapped('mcp-proxy'),
    calls: () => [
      ['query', { query: 'SELECT 1 AS a, 9007199254740993 AS b' }],
      ['query', { query: 'SELECT nonsense' }],
    ],
  },
  {
    id: 'calculator',
    ...pypi('generation1', 'mcp-server-calculator'),
    http: wrapped('supergateway'),
    calls: () => [
      ['calculate', { expression: '2 ** 70' }],
      ['calculate', { expression: '1 / 0' }],
    ],
  },
  {
    id: 'cli',
    ...pypi('generation1', 'cli-mcp-server'),
    stdio: ({ work }) => ({ env: { ALLOWED_DIR: work, ALLOWED_COMMANDS: 'ls,cat,pwd' } }),
    http: wrapped('mcp-proxy'),
    files: { 'a.txt': 'one\n' },
    calls: () => [
      ['run_command', { command: 'cat a.txt' }],
      ['run_command', { command: 'rm a.txt' }],
      ['show_security_rules', {}],
    ],
  },
  {
    id: 'powerpoint',
    ...pypi('generation1', 'office-powerpoint-mcp-server', 'ppt_mcp_server'),
    // What is installed as its command reads no arguments.
    http: ({ port }) => ({
      command: pythonOf('generation1'),
      args: ['-m', 'ppt_mcp_server', '--transport', 'http', '--port', port],
      bare: true,
    }),
    calls: () => [
      ['create_presentation', { id: 'p' }],
      ['add_slide', { layout_index: 0, title: 'A' }],
      ['get_presentation_info', {}],
    ],
  },
  {
    id: 'excel',
    ...pypi('office', 'excel-mcp-server'),
    stdio: () => ({ args: ['stdio'] }),
    http: ({ port }) => ({ args: ['streamable-http', '--port', port] }),
    calls: ({ work }) => [
      ['create_workbook', { path: `${work}/a.xlsx`, sheets: ['S'] }],
      ['describe_workbook', { path: `${work}/a.xlsx` }],
      ['read_range', { path: `${work}/none.xlsx`, sheet: 'S' }],
    ],
  },
  {
    id: 'word',
    ...pypi('office', 'office-word-mcp-server', 'word_mcp_server'),
    stdio: () => ({ env: { MCP_TRANSPORT: 'stdio' } }),
    http: ({ port }) => ({
      env: { MCP_TRANSPORT: 'streamable-http', MCP_HOST: '127.0.0.1', MCP_PORT: port },
    }),
    calls: ({ work }) => [
      ['create_document', { filename: `${work}/a.docx`, title: 'T' }],
      ['add_paragraph', { filename: `${work}/a.docx`, text: 'hello' }],
      ['get_document_text', { filename: `${work}/a.docx` }],
      ['get_document_text', { filename: `${work}/none.docx` }],
    ],
  },
  {
    id: 'pandoc',
    ...pypi('pandoc', 'mcp-pandoc'),
    http: wrapped('supergateway'),
    calls: () => [
      ['convert-contents', { contents: '# A', input_format: 'markdown', output_format: 'html' }],
      ['convert-contents', { contents: '# A', output_format: 'nonsense' }],
    ],
  },
  {
    id: 'pymupdf4llm',
    ...pypi('pymupdf', 'pymupdf4llm-mcp'),
    stdio: () => ({ args: ['stdio'] }),
    http: wrapped('mcp-proxy'),
    files: { 'a.pdf': pdf('Hello from a page') },
    calls: ({ work }) => [
      ['convert_pdf_to_markdown', { file_path: `${work}/a.pdf` }],
      ['convert_pdf_to_markdown', { file_path: `${work}/none.pdf` }],
    ],
  },
  {
    id: 'motherduck',
    ...pypi('motherduck', 'mcp-server-motherduck'),
    stdio: ({ work }) => ({ args: ['--db-path', `${work}/a.db`, '--read-write'] }),
    http: ({ work, port }) => ({
      args: ['--db-path', `${work}/a.db`, '--read-write', '--transport', 'http', '--port', port],
    }),
    calls: () => [
      ['execute_query', { sql: 'SELECT 42 AS a' }],
      ['execute_query', { sql: 'SELECT nonsense' }],
    ],
  },
];
