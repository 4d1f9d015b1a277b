import { pdf } from '../lib/pdf.mjs';
import { npm, wrapped } from '../lib/programs.mjs';

/** Servers from npm. */
export const npmServers = [
  {
    id: 'everything',
    ...npm('@modelcontextprotocol/server-everything', 'dist/index.js'),
    stdio: () => ({ args: ['stdio'] }),
    http: ({ port }) => ({ args: ['streamableHttp'], env: { PORT: port } }),
    calls: () => [
      ['echo', { message: 'grüße 👋 \u2028' }],
      ['echo', { message: 12345678901234567890n }],
      ['get-sum', { a: 2, b: 0.1 }],
      ['get-sum', { a: '2', b: 3 }],
      ['get-annotated-message', { messageType: 'error', includeImage: true }],
      ['get-resource-links', { count: 2 }],
      ['get-resource-reference', { resourceType: 'Blob', resourceId: 2 }],
      ['get-resource-reference', { resourceType: 'Text', resourceId: 0 }],
      ['get-structured-content', { location: 'Chicago' }],
      ['get-structured-content', { location: 'Rome' }],
      ['get-tiny-image', {}],
      ['gzip-file-as-resource', { name: 'a.gz', data: 'data:text/plain,abc', outputType: 'resource' }],
      ['gzip-file-as-resource', { name: 'b.gz', data: 'data:text/plain,abc' }],
      ['trigger-long-running-operation', { duration: 1, steps: 4 }, { progress: true }],
      ['trigger-sampling-request', { prompt: 'say something', maxTokens: 7 }],
      ['trigger-elicitation-request', {}],
      ['get-roots-list', {}],
    ],
    cancel: ['trigger-long-running-operation', { duration: 10, steps: 10 }],
    prompts: () => [
      ['args-prompt', { city: 'Kraków', state: 'PL' }],
      ['completable-prompt', { department: 'Engineering', name: 'Alice' }],
      ['resource-prompt', { resourceType: 'Text', resourceId: '1' }],
    ],
    reads: () => ['demo://resource/dynamic/text/7', 'demo://resource/dynamic/blob/7'],
    completions: () => [
      {
        ref: { type: 'ref/prompt', name: 'completable-prompt' },
        argument: { name: 'department', value: 'E' },
      },
      {
        ref: { type: 'ref/prompt', name: 'completable-prompt' },
        argument: { name: 'name', value: 'A' },
        context: { arguments: { department: 'Engineering' } },
      },
      {
        ref: { type: 'ref/resource', uri: 'demo://resource/dynamic/text/{resourceId}' },
        argument: { name: 'resourceId', value: '1' },
      },
    ],
    subscribe: { uri: 'demo://resource/dynamic/text/1', call: ['toggle-subscriber-updates', {}] },
  },
  {
    id: 'filesystem',
    ...npm('@modelcontextprotocol/server-filesystem', 'dist/index.js'),
    stdio: ({ work }) => ({ args: [work] }),
    http: wrapped('supergateway'),
    files: { 'a.txt': 'one\ntwo\n', 'data/b.json': '{"b": 1}', 'c.bin': '\u0000\u0001' },
    calls: ({ work }) => [
      ['read_text_file', { path: `${work}/a.txt`, head: 1 }],
      ['read_text_file', { path: `${work}/none.txt` }],
      ['read_text_file', { path: '/etc/passwd' }],
      ['read_media_file', { path: `${work}/c.bin` }],
      ['read_multiple_files', { paths: [`${work}/a.txt`, `${work}/none`] }],
      ['write_file', { path: `${work}/d.txt`, content: 'ünï\r\n' }],
      ['edit_file', { path: `${work}/a.txt`, edits: [{ oldText: 'two', newText: '2' }], dryRun: true }],
      ['list_directory', { path: work }],
      ['directory_tree', { path: work }],
      ['search_files', { path: work, pattern: '**/*.json' }],
      ['list_allowed_directories', {}],
    ],
  },
  {
    id: 'memory',
    ...npm('@modelcontextprotocol/server-memory', 'dist/index.js'),
    stdio: ({ work }) => ({ env: { MEMORY_FILE_PATH: `${work}/memory.json` } }),
    http: wrapped('mcp-proxy'),
    calls: () => [
      ['create_entities', { entities: [{ name: 'Ada', entityType: 'person', observations: ['counts'] }] }],
      ['add_observations', { observations: [{ entityName: 'Ada', contents: ['flies'] }] }],
      ['create_relations', { relations: [{ from: 'Ada', to: 'Ada', relationType: 'is' }] }],
      ['search_nodes', { query: 'fl' }],
      ['read_graph', {}],
      ['open_nodes', { names: 'Ada' }],
      ['add_observations', { observations: [{ entityName: 'Bob', contents: ['x'] }] }],
    ],
  },
  {
    id: 'sequential-thinking',
    ...npm('@modelcontextprotocol/server-sequential-thinking', 'dist/index.js'),
    http: wrapped('supergateway'),
    calls: () => [
      ['sequentialthinking', { thought: 'a', nextThoughtNeeded: true, thoughtNumber: 1, totalThoughts: 2 }],
      ['sequentialthinking', { thought: 'b', nextThoughtNeeded: false, thoughtNumber: 2, totalThoughts: 2 }],
    ],
  },
  {
    id: 'pdf',
    ...npm('@modelcontextprotocol/server-pdf', 'dist/index.js'),
    stdio: ({ work }) => ({ args: ['--stdio', `${work}/a.pdf`] }),
    http: ({ work, port }) => ({ args: [`${work}/a.pdf`], env: { PORT: port } }),
    files: { 'a.pdf': pdf('Hello from a page') },
    calls: ({ work }) => [
      ['list_pdfs', {}],
      ['read_pdf_bytes', { url: `file://${work}/a.pdf`, byteCount: 64 }],
      ['display_pdf', { url: `file://${work}/a.pdf` }],
      ['display_pdf', { url: 'file:///etc/passwd' }],
      ['interact', { viewUUID: 'none', action: 'navigate', page: 1 }],
    ],
  },
  {
    id: 'budget-allocator',
    ...npm('@modelcontextprotocol/server-budget-allocator', 'dist/index.js'),
    stdio: () => ({ args: ['--stdio'] }),
    http: ({ port }) => ({ env: { PORT: port } }),
    calls: () => [['get-budget-data', {}]],
  },
  {
    id: 'sheet-music',
    ...npm('@modelcontextprotocol/server-sheet-music', 'dist/index.js'),
    stdio: () => ({ args: ['--stdio'] }),
    http: ({ port }) => ({ env: { PORT: port } }),
    calls: () => [
      ['play-sheet-music', {}],
      ['play-sheet-music', { abcNotation: 'no notation' }],
    ],
  },
  {
    id: 'playwright',
    ...npm('@playwright/mcp', 'cli.js'),
    stdio: (place) => ({ args: browser(place) }),
    http: (place) => ({ args: [...browser(place), '--port', place.port] }),
    calls: () => [
      ['browser_navigate', { url: 'data:text/html,<title>T</title><button>press</button>' }],
      ['browser_evaluate', { function: '() => 6 * 7' }],
      ['browser_tabs', { action: 'list' }],
      ['browser_click', { element: 'x', target: 'e999' }],
      ['browser_navigate', { url: 'http://127.0.0.1:9/' }],
      ['browser_close', {}],
    ],
  },
  {
    id: 'chrome-devtools',
    ...npm('chrome-devtools-mcp', 'build/src/bin/chrome-devtools-mcp.js'),
    stdio: ({ chromium }) => ({
      args: ['--headless', '--isolated', '--executablePath', chromium, '--no-usage-statistics', ...devtools],
    }),
    http: wrapped('mcp-proxy'),
    calls: () => [
      ['list_pages', {}],
      ['navigate_page', { pageId: 1, url: 'data:text/html,<title>T</title><p>hello' }],
      ['evaluate_script', { pageId: 1, function: '() => document.title' }],
      ['take_screenshot', { pageId: 1, format: 'png' }],
      ['click', { pageId: 1, uid: 'none' }],
    ],
  },
  {
    id: 'eslint',
    ...npm('@eslint/mcp', 'src/mcp-cli.js'),
    http: wrapped('supergateway'),
    files: {
      'eslint.config.js': 'module.exports = [{ rules: { "no-unused-vars": "error" } }];\n',
      'a.js': 'const unused = 1;\n',
    },
    calls: ({ work }) => [
      ['lint-files', { filePaths: [`${work}/a.js`] }],
      ['lint-files', { filePaths: [] }],
    ],
  },
  {
    id: 'drawio',
    ...npm('@drawio/mcp', 'src/index.js'),
    http: wrapped('mcp-proxy'),
    calls: ({ work }) => [
      ['search_shapes', { query: 'database', limit: 2 }],
      ['list_pages', { path: `${work}/none.drawio` }],
    ],
  },
  {
    id: 'git-cyanheads',
    ...npm('@cyanheads/git-mcp-server', 'dist/index.js'),
    stdio: () => ({ env: { MCP_TRANSPORT_TYPE: 'stdio' } }),
    http: ({ port }) => ({
      env: { MCP_TRANSPORT_TYPE: 'http', MCP_HTTP_PORT: port, MCP_HTTP_HOST: '127.0.0.1' },
    }),
    repository: true,
    calls: ({ work }) => [
      ['git_set_working_dir', { path: work }],
      ['git_status', { path: work }],
      ['git_log', { path: work, maxCount: 1 }],
      ['git_show', { path: work, object: 'no-such-object' }],
      ['git_branch', { path: work }],
    ],
  },
  {
    id: 'excel-negokaz',
    ...npm('@negokaz/excel-mcp-server', 'dist/launcher.js'),
    http: wrapped('supergateway'),
    calls: ({ work }) => [
      [
        'excel_write_to_sheet',
        {
          fileAbsolutePath: `${work}/a.xlsx`,
          sheetName: 'S',
          newSheet: true,
          range: 'A1:B1',
          values: [['a', 2]],
        },
      ],
      ['excel_describe_sheets', { fileAbsolutePath: `${work}/none.xlsx` }],
      ['excel_read_sheet', { fileAbsolutePath: 'relative.xlsx', sheetName: 'S' }],
    ],
  },
  {
    id: 'hello-world',
    ...npm('mcp-hello-world', 'build/stdio.js'),
    http: wrapped('supergateway'),
    calls: () => [
      ['echo', { message: 'a' }],
      ['add', { a: 1, b: 2 }],
      ['add', { a: 'x', b: 2 }],
      ['debug', {}],
    ],
    reads: () => ['greeting://Ada', 'greeting://a%2Fb'],
  },
  {
    id: 'time-npm',
    ...npm('time-mcp', 'dist/index.js'),
    http: wrapped('supergateway'),
    calls: () => [
      ['days_in_month', { date: '2024-02-01' }],
      ['convert_time', { sourceTimezone: 'UTC', targetTimezone: 'Asia/Kolkata', time: '2024-01-01 00:00' }],
      ['convert_time', { sourceTimezone: 'Nowhere', targetTimezone: 'UTC', time: '2024-01-01 00:00' }],
    ],
  },
  {
    id: 'filesystem-infra',
    ...npm('@agent-infra/mcp-server-filesystem', 'dist/index.cjs'),
    stdio: ({ work }) => ({ args: [`--allowed-directories=${work}`] }),
    http: wrapped('mcp-proxy'),
    files: { 'a.txt': 'one\n' },
    calls: ({ work }) => [
      ['read_file', { path: `${work}/a.txt` }],
      ['read_file', { path: '/etc/passwd' }],
      ['directory_tree', { path: work }],
    ],
  },
  {
    id: 'tailwindcss',
    ...npm('tailwindcss-mcp-server', 'build/index.js'),
    http: wrapped('supergateway'),
    calls: () => [
      ['get_tailwind_colors', { colorName: 'blue' }],
      ['convert_css_to_tailwind', { css: 'margin: 4px' }],
      ['generate_color_palette', { baseColor: '#zz', name: 'x' }],
    ],
  },
];

const devtools = ['--chromeArg=--no-sandbox', '--chromeArg=--disable-setuid-sandbox'];

function browser({ chromium, work }) {
  const options = ['--headless', '--isolated', '--no-sandbox', '--executable-path', chromium];
  return [...options, '--output-dir', `${work}/output`];
}
