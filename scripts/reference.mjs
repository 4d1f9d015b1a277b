/**
 * Writes docs/reference.md, docs/metrics.md, docs/logs.md and the table of docs/audit.md from the tables of the code. With --check it writes nothing: it says
 * which sections are not current, and exits 1 where there are any.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';

const fromHere = (path) => fileURLToPath(new URL(path, import.meta.url));
const command = fromHere('../dist/cli/main.js');

if (!existsSync(command)) {
  console.error('dist/ is missing: npm run build');
  process.exit(1);
}
const dist = (path) => import(`../dist/${path}`);
const { keyTable, modeTable, onErrorValues, serverKeyTable, variableTable } = await dist('config/index.js');
const { errorDefinitions } = await dist('errors.js');
const { HookResult, hookTable, Violation } = await dist('hooks/table.js');
const { GlobalContext, PluginContext } = await dist('hooks/models.js');
const { certsCommand } = await dist('cli/certs.js');
const { checks, groups } = await dist('doctor/index.js');
const { metricTable } = await dist('telemetry/metric-table.js');
const { traceVariables } = await dist('telemetry/trace-variables.js');
const { auditFields } = await dist('telemetry/audit/fields.js');
const { accessFields } = await dist('telemetry/access-fields.js');
const { ecsFields, ecsVersion } = await dist('log/ecs.js');

// ─── Markdown ────────────────────────────────────────────────────────────────────────────────────

const code = (text) => `\`${text}\``;
const cell = (text) => String(text).replaceAll('|', '\\|').replaceAll('\n', ' ');

/** So wide a column is not filled up: one long cell would change every line. */
const widest = 60;

/** A table whose columns line up in the source too, but for wide ones. */
function table(head, rows) {
  const all = [head, ...rows].map((row) => row.map(cell));
  const widths = head.map((_, i) => {
    const longest = Math.max(3, ...all.map((row) => row[i].length));
    return longest > widest ? 3 : longest;
  });
  const line = (row) => `| ${row.map((text, i) => text.padEnd(widths[i])).join(' | ')} |`;
  const [first, ...rest] = all;
  return [line(first), `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`, ...rest.map(line)].join(
    '\n',
  );
}

const block = (text) => `\`\`\`text\n${text.trimEnd()}\n\`\`\``;
const paragraphs = (...parts) => parts.join('\n\n');

// ─── Commands ────────────────────────────────────────────────────────────────────────────────────

// Run by make, or from a clone, it would speak of make and npx.
const bin = mkdtempSync(join(tmpdir(), 'sallyport-reference-'));
symlinkSync(command, join(bin, 'sallyport'));
process.once('exit', () => rmSync(bin, { recursive: true }));

async function help(...words) {
  const env = { ...process.env, MAKELEVEL: undefined, PATH: `${bin}:${process.env.PATH}` };
  const { stdout } = await promisify(execFile)(process.execPath, [command, ...words, '--help'], { env });
  return stdout;
}

/** The names below `Commands:` in a help text. */
function namesIn(text) {
  const [, list = ''] = text.split('\nCommands:\n');
  return [...list.split('\n\n')[0].matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name);
}

async function commands() {
  const root = await help();
  const sections = await Promise.all(
    namesIn(root).map(async (name) => {
      const text = await help(name);
      const below = namesIn(text).map(async (sub) =>
        paragraphs(`### sallyport ${name} ${sub}`, block(await help(name, sub))),
      );
      return paragraphs(`### sallyport ${name}`, block(text), ...(await Promise.all(below)));
    }),
  );
  return paragraphs(
    'From a clone, after `make build`: `npx sallyport <command>`.',
    block(root),
    table(
      ['exit status', 'meaning'],
      [
        ['0', 'done; the answer is yes'],
        ['1', 'the answer is no: a plugin blocks or fails, a certificate ends soon'],
        ['2', 'wrong use: options, arguments, names'],
        ['3', 'the environment is broken: files, configuration, certificates, network'],
      ],
    ),
    ...sections,
  );
}

function makeTargets() {
  const makefile = readFileSync(fromHere('../Makefile'), 'utf8');
  const rows = [...makefile.matchAll(/^([a-z-]+):.*?## (.*)$/gm)];
  return table(
    ['target', 'what it does'],
    rows.map(([, name, text]) => [code(`make ${name}`), text]),
  );
}

// ─── Variables ───────────────────────────────────────────────────────────────────────────────────

function variables() {
  return paragraphs(
    'An empty variable counts as not set. A variable wins over the YAML key beside it, field by field.',
    table(
      ['variable', 'side', 'type', 'default', 'wins over', 'meaning'],
      variableTable.map((row) => [
        code(row.name),
        row.side,
        row.type,
        row.default === undefined ? '' : code(row.default),
        row.overrides === undefined ? '' : code(row.overrides),
        row.meaning,
      ]),
    ),
  );
}

/** The variables that options of `sallyport certs` name in their descriptions, as `(NAME, else default)`. */
function certificateVariables() {
  const rows = new Map();
  const add = (subcommand, option, text) => {
    const found = /^(.*) \(((?:[A-Z]+_)+[A-Z]+)(?:, else ([^)]+))?\)$/.exec(text);
    if (found === null) return;
    const [, meaning, name, fallback = ''] = found;
    const row = rows.get(name) ?? { meaning, option, fallback, used: [] };
    rows.set(name, { ...row, used: [...row.used, subcommand] });
  };
  for (const subcommand of certsCommand({}).commands) {
    const name = subcommand.name();
    for (const option of subcommand.options) add(name, option.flags, option.description);
    add(name, 'NAME', subcommand.description().replace(/ \(NAME, else (\w+)\)$/, ' ($1)'));
  }
  return paragraphs(
    'Read by `sallyport certs` and so by the make targets: `make certs-mcp-all MCP_CERT_DAYS=365`. An option wins over its variable.',
    table(
      ['variable', 'option', 'default', 'used by `certs`', 'meaning'],
      [...rows].map(([name, row]) => [
        code(name),
        code(row.option),
        row.fallback === '' ? '' : code(row.fallback),
        row.used.join(', '),
        name === 'PLUGIN_NAME' ? 'name of the plugin' : row.meaning,
      ]),
    ),
  );
}

// ─── YAML ────────────────────────────────────────────────────────────────────────────────────────

function keys() {
  return paragraphs(
    'One kind of file for both sides: a plugin server reads `server_settings`, a gateway reads `mcp`. Unknown keys are errors.',
    table(
      ['key', 'type', 'default', 'meaning'],
      keyTable.map((row) => [
        code(row.path),
        row.type,
        row.required ? 'required' : row.default === undefined ? '' : code(row.default),
        row.meaning,
      ]),
    ),
  );
}

/** The keys of a server in the files of editors; those that mean the same stand on one line. */
function serverKeys() {
  const lines = new Map();
  for (const { key, becomes, meaning } of serverKeyTable) {
    const line = JSON.stringify([becomes, meaning]);
    lines.set(line, [...(lines.get(line) ?? []), code(key)]);
  }
  return paragraphs(
    'What `gateway --servers` makes of a server in the file of a desktop client or an editor. A key that is none of these has no effect, which is said, unless it is near one of them or has `tool` in its name: then the server is left out.',
    table(
      ['key', 'what becomes of it', 'meaning'],
      [...lines].map(([line, names]) => [names.join(', '), ...JSON.parse(line)]),
    ),
  );
}

function modes() {
  const blocks = (what) => (what === 'block' ? 'ends the request' : 'is logged');
  return paragraphs(
    table(
      ['mode', 'a violation', 'a failure', 'its changes', 'the request', 'told to peers as'],
      Object.entries(modeTable).map(([name, effect]) =>
        effect === null
          ? [code(name), 'never runs', 'never runs', '', '', code(name)]
          : [
              code(name),
              blocks(effect.onViolation),
              blocks(effect.onError),
              effect.modifies ? 'are taken' : 'are dropped',
              effect.awaited ? 'waits' : 'does not wait',
              code(effect.legacy),
            ],
      ),
    ),
    `\`on_error\` (${onErrorValues.map(code).join(', ')}) says what a failure leads to, over the mode: it ends the request, it is logged, or it is logged and the plugin is out of service until the next start. \`plugin_settings.fail_on_plugin_error: true\` makes every failure end the request.`,
  );
}

// ─── Hooks ───────────────────────────────────────────────────────────────────────────────────────

const schemaOf = (type) => z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' });

function typeText(schema) {
  if (schema.anyOf) {
    return schema.anyOf
      .filter((one) => one.type !== 'null')
      .map(typeText)
      .join(' or ');
  }
  if (schema.type === 'array') return schema.items?.type ? `list of ${typeText(schema.items)}s` : 'list';
  if (Array.isArray(schema.type)) return schema.type.filter((one) => one !== 'null').join(' or ');
  if (schema.type !== 'object') return schema.type ?? 'any';
  if (schema.properties) {
    const inner = fields(schema).map(({ name, type }) => `${name}: ${type}`);
    return inner.length === 0 ? 'object' : `object {${inner.join(', ')}}`;
  }
  return schema.additionalProperties?.type === 'string' ? 'map of strings' : 'object';
}

function fields({ properties = {}, required = [] }) {
  return Object.entries(properties).map(([name, schema]) => {
    return { name, type: typeText(schema), optional: !required.includes(name) };
  });
}

const fieldText = ({ name, type, optional }) => `${code(`${name}${optional ? '?' : ''}`)} ${type}`;

/** A schema as a cell: its fields, or its type where it is a bare map. */
function shape(type) {
  const schema = schemaOf(type);
  return schema.properties ? fields(schema).map(fieldText).join(', ') : typeText(schema);
}

/** What `modified_payload` means for the next plugin. */
const changesText = {
  payload: 'the payload',
  headers: '`headers` of the payload',
  response_headers: '`response_headers` of the payload',
  answer: 'nothing: it is an answer to the caller',
};

function hooks() {
  return paragraphs(
    'A field with `?` may be absent or null. Fields that are not listed are kept. A hook that is not listed is carried through: its payload is not checked, and conditions on tools, prompts, resources and agents do not restrict it.',
    table(
      ['hook', 'condition', 'payload', '`modified_payload`', 'changes'],
      Object.entries(hookTable).map(([name, row]) => [
        code(name),
        row.match ? `${code(row.match.condition)} by ${code(row.match.field)}` : '',
        shape(row.payload),
        row.modified === row.payload ? 'the same' : shape(row.modified),
        changesText[row.changes],
      ]),
    ),
    table(
      ['beside the payload', 'fields'],
      [
        ['context', shape(PluginContext).replace(/`global_context` .*/, '`global_context` below')],
        ['global context', shape(GlobalContext)],
        ['result', shape(HookResult).replace(/`violation\?` object \{.*?\}/, '`violation?` below')],
        ['violation', shape(Violation)],
      ],
    ),
  );
}

// ─── Errors ──────────────────────────────────────────────────────────────────────────────────────

function errors() {
  const examples = errorDefinitions().map((define) => define(define.example));
  return paragraphs(
    'Codes are stable: they stand in the log, in what a command prints, and in `SallyError.code`. Each entry shows one example of the message and of the remedy. The HTTP status is 500 where none is given.',
    table(
      ['code', 'exit', 'JSON-RPC', 'HTTP'],
      examples.map((error) => [
        `[${error.code}](#${error.code.toLowerCase()})`,
        error.exitStatus,
        error.jsonRpcCode,
        error.httpStatus === 500 ? '' : error.httpStatus,
      ]),
    ),
    ...examples.map((error) =>
      paragraphs(`### ${error.code}`, block(`${error.message}\n→ ${error.remedy.replaceAll('\n', '\n  ')}`)),
    ),
  );
}

// ─── Checks of the doctor ────────────────────────────────────────────────────────────────────────

const lookedAt = {
  config: 'a plugin file',
  folder: 'a folder of certificates',
  credentials: 'the files of one side',
  pair: 'the files of both sides',
  listener: "a server's own ports",
  endpoint: 'a server, over the network',
};

function doctorChecks() {
  const rows = groups.flatMap((group) => checks.filter((one) => one.group === group));
  return paragraphs(
    'What `sallyport doctor` looks for, in the order in which it is printed.',
    table(
      ['check', 'group', 'looks at', 'what has to be so', 'codes'],
      rows.map((row) => [
        code(row.id),
        row.group,
        lookedAt[row.about],
        row.title,
        row.codes.map(code).join(', '),
      ]),
    ),
  );
}

// ─── Metrics ─────────────────────────────────────────────────────────────────────────────────────

const programs = { gateway: '`gateway`', server: '`serve`', both: 'both' };

function metrics() {
  const rows = Object.values(metricTable);
  return paragraphs(
    '# Metrics',
    'The table and the labels are generated from the code by `npm run reference`, as is the rest of this page; do not edit.',
    '`GET /metrics` of both programs, for Prometheus: in the text format, and in OpenMetrics 1.0 for whoever accepts `application/openmetrics-text`. With TLS it is on the health port (port + 1000) and nowhere else; without TLS it is on the main port. It asks for no credentials, and takes a `Host` that the program is known by.',
    '```yaml\nscrape_configs:\n  - job_name: sallyport\n    static_configs:\n      - targets: [gateway.internal:5444, filters.internal:9000]\n```',
    'The workers of one program are one page, whichever of them is asked: counters and most gauges are sums, and the table says where the least or the greatest counts. Names that begin with `mcp_` are those of the OpenTelemetry conventions for MCP (`mcp.server.operation.duration`, `mcp.client.operation.duration`) as Prometheus writes them. The `process_*` and `nodejs_*` metrics of prom-client are there too: processor time, memory, open files, event loop, garbage collection.',
    'The values of labels are bounded. A method that is none of MCP is `other`. A tool is `other` until this process has seen it in a list of its upstream; `metrics: {tool_names: false}` in the `gateway` block leaves the names of tools out. A plugin has at most a hundred codes of violations. Upstreams, plugins and hooks are those of the configuration.',
    'What is not counted: pings, notifications and responses of clients, and `GET` and `DELETE` of sessions, unless they are refused.',
    'Dashboards for Grafana and alerts for Prometheus are in [deploy/monitoring](../deploy/monitoring/README.md).',
    '## The metrics',
    table(
      ['metric', 'kind', 'of', 'several workers', 'what it says'],
      rows.map(({ name, kind, of, aggregator, help }) => [
        code(name),
        kind,
        programs[of],
        { min: 'least', max: 'greatest' }[aggregator] ?? 'sum',
        help,
      ]),
    ),
    '## Their labels',
    table(
      ['metric', 'label', 'value'],
      rows.flatMap(({ name, labels }) =>
        Object.entries(labels).map(([label, meaning]) => [code(name), code(label), meaning]),
      ),
    ),
    '## Questions and queries',
    table(
      ['question', 'query'],
      [
        [
          'requests per second, by method',
          'sum by (mcp_method_name) (rate(mcp_server_operation_duration_seconds_count[5m]))',
        ],
        [
          'how many of a hundred fail',
          '100 * sum(rate(mcp_server_operation_duration_seconds_count{outcome=~"error|gone"}[5m])) / sum(rate(mcp_server_operation_duration_seconds_count[5m]))',
        ],
        [
          'the slowest 1 % of tool calls',
          'histogram_quantile(0.99, sum by (le) (rate(mcp_server_operation_duration_seconds_bucket{mcp_method_name="tools/call"}[5m])))',
        ],
        [
          'what the gateway itself takes of a call',
          'rate(sallyport_request_own_seconds_sum{mcp_method_name="tools/call"}[5m]) / rate(sallyport_request_own_seconds_count{mcp_method_name="tools/call"}[5m])',
        ],
        [
          'what each plugin blocks',
          'sum by (plugin, reason) (rate(sallyport_hook_calls_total{decision="blocked"}[5m]))',
        ],
        [
          'what each plugin takes',
          'sum by (plugin) (rate(sallyport_hook_call_seconds_sum[5m])) / sum by (plugin) (rate(sallyport_hook_call_seconds_count[5m]))',
        ],
        [
          'days until the first certificate ends',
          'min(sallyport_tls_certificate_expiry_seconds{kind="leaf"}) / 86400',
        ],
        ['who is refused at the door, and why', 'sum by (reason) (rate(sallyport_refusals_total[5m]))'],
      ].map(([question, query]) => [question, code(query)]),
    ),
  );
}

// ─── Logs ────────────────────────────────────────────────────────────────────────────────────────

const inEcs = {
  error: 'error.code',
  outcome: 'event.outcome, sallyport.outcome',
};

function logs() {
  return paragraphs(
    '# Logs',
    'Generated from the code by `npm run reference`; do not edit.',
    'Every command that goes on (`gateway`, `serve`, `dev`, `certs renew --daemon`) logs on standard error, a line for each entry. `LOG_LEVEL` says how much, `--verbose` everything; `--log-format`, or the variable `LOG_FORMAT`, what a line looks like:',
    table(
      ['format', 'a line'],
      [
        [
          code('json'),
          'a JSON object: `level` (10 to 60, as pino has it), `time`, the fields, `msg`. What there is off a terminal',
        ],
        [
          code('pretty'),
          'text to read, with colours on a terminal that has them, unless `NO_COLOR` is set; what to do about an error on a line of its own. What there is on a terminal; `text` is another name of it',
        ],
        [
          code('ecs'),
          `a JSON object by the [Elastic Common Schema](https://www.elastic.co/guide/en/ecs/current/index.html), version ${ecsVersion}`,
        ],
      ],
    ),
    'Payloads, arguments, results, headers and secrets are in no line, whatever the level. What whoever reads the log leaves waiting has a limit of a megabyte; lines beyond it are dropped, counted in `sallyport_log_lines_dropped_total` and told of in the log once it is read again. A record of which nothing is ever dropped is the [audit log](audit.md).',
    '## The access log',
    'One line for each request of a client at its end, with the message `request`, at level INFO. Pings, notifications and responses of clients have none. A field is absent where there is nothing to say.',
    table(
      ['field', 'what it says', 'with `ecs`'],
      Object.entries(accessFields).map(([name, meaning]) => [
        code(name),
        meaning,
        (inEcs[name] ?? ecsFields[name] ?? `sallyport.${name}`).split(', ').map(code).join(', '),
      ]),
    ),
    '```json\n{"level":30,"time":"2026-11-28T01:40:12.804Z","request":"78a471f6-87e6-4a6d-b359-6c368fb97cc4","user":"ada@example.org","tenant":"research","client":"demo/1.0.0","method":"tools/call","upstream":"files","target":"write_file","plugins":[{"plugin":"WordFilter","hook":"tool_pre_invoke","decision":"modified","ms":1.6}],"outcome":"ok","ms":14.96,"msg":"request"}\n```',
    '## The Elastic Common Schema',
    'Besides, each line has `@timestamp`, `log.level`, `message` and `ecs.version`, and that of a request `event.kind`, `event.category`, `event.type`, `event.dataset` (`sallyport.access`) and `event.outcome`; where `method` is one of HTTP, `http.request.method` too. Names are dotted, an object is one level deep, and what nobody knows the fields of is JSON in a text: an index has one type for each field. Fields of other lines:',
    table(
      ['field', 'with `ecs`'],
      [
        ...Object.entries(ecsFields).map(([name, ecs]) => [code(name), code(ecs)]),
        ['any other', '`sallyport.` and its name, in lower case with underscores'],
      ],
    ),
  );
}

const fieldsOf = (fields) =>
  table(
    ['field', 'what it says'],
    Object.entries(fields).map(([name, meaning]) => [code(name), meaning]),
  );

/** A page that is written by hand, with what is generated between two marks. */
function filled(page, body) {
  const text = readFileSync(fromHere(`../${page}`), 'utf8');
  return text.replace(
    /(<!-- generated: \w+ -->\n)[\s\S]*?(<!-- \/generated -->)/,
    (_, from, to) => `${from}\n${body}\n\n${to}`,
  );
}

// ─── Traces ──────────────────────────────────────────────────────────────────────────────────────

const exampleTrace = `sallyport-gateway server tools/call meta                        182.49 ms
  sallyport-gateway client tool_pre_invoke One                    6.99 ms
    sallyport-plugin-server internal tool_pre_invoke One          1.72 ms
    sallyport-plugin-server server tools/call invoke_hooks        6.66 ms
  sallyport-gateway client tool_pre_invoke Two                    7.20 ms
    sallyport-plugin-server internal tool_pre_invoke Two          0.28 ms
  sallyport-gateway client tools/call meta                        3.21 ms`;

function traces() {
  return paragraphs(
    '# Traces',
    'Generated from the code by `npm run reference`; do not edit.',
    '`gateway` and `serve` make traces for OpenTelemetry where its variables ask for them: where `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_TRACES_EXPORTER` is set. Elsewhere nothing is loaded and nothing is paid. The packages of OpenTelemetry are installed beside this one, in versions that run on Node 20.19; the newest exporters, from 0.300 on, want Node 22.15:',
    '```sh\nnpm install @opentelemetry/api@~1.9.0 @opentelemetry/sdk-trace@^2.12.1 @opentelemetry/resources@^2.12.1 \\\n  @opentelemetry/exporter-trace-otlp-proto@^0.223.1 @opentelemetry/exporter-trace-otlp-http@^0.223.1\nexport OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318\nsallyport serve --config plugins.yaml &\nsallyport gateway --config gateway.yaml\n```',
    'A call of a tool with two plugins of one plugin server behind mutual TLS, before an upstream on stdio, as a Collector received it:',
    block(exampleTrace),
    '## The spans',
    table(
      ['span', 'kind', 'name'],
      [
        [
          'a request of a client that was let in',
          'server',
          'its method, and the tool or prompt once it is known that there is such a one: `tools/call search`',
        ],
        [
          'one that was refused, or has no message of MCP',
          'server',
          'its method of MCP where that was read, else of HTTP: `POST`',
        ],
        [
          'a hook of one plugin, in the gateway',
          'client; internal for a plugin in the gateway itself',
          'hook and plugin: `tool_pre_invoke PIIFilter`',
        ],
        [
          'the request of a gateway, in a plugin server',
          'server',
          '`tools/call invoke_hook`, `tools/call invoke_hooks`',
        ],
        ['a run of a plugin, in a plugin server', 'internal', 'hook and plugin'],
        ['a request to an upstream', 'client', 'its method and target, as the upstream calls it'],
      ],
    ),
    'Pings, notifications and responses have none. Where several plugins of one server are asked in one request, that request belongs to the call of the first; each run belongs to the call of its own plugin, and has a link to the request. Requests that the gateway makes for nobody, such as the lists at its start, are traces of their own.',
    'Names and attributes are those of the [conventions for MCP](https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/): `mcp.method.name`, `mcp.protocol.version`, `gen_ai.tool.name`, `gen_ai.prompt.name`, `mcp.resource.uri`, `jsonrpc.request.id`, `rpc.response.status_code`, `error.type`, `network.transport`, `server.address`, `client.address`; of those for HTTP `http.request.method` and `http.response.status_code`, where no message was served. Beside them:',
    table(
      ['attribute', 'what it says'],
      [
        ['sallyport.server', 'name of the virtual server, of a request to one'],
        ['sallyport.upstream', 'name of the upstream'],
        ['sallyport.plugin', 'name of the plugin'],
        ['sallyport.hook', 'name of the hook'],
        [
          'sallyport.decision',
          '`continue`, `modified`, `asked`, `blocked`, `failed`, `noted`, `cancelled` or `skipped`',
        ],
        ['sallyport.violation.code', 'code of the violation'],
        ['sallyport.plugin.ms', 'what the plugin itself took, where it was asked in one request with others'],
        ['sallyport.request.id', 'id of the request, by which the log and plugins know it'],
        ['sallyport.error.code', 'code of an error of ours'],
        ['sallyport.reason', 'why a request was refused'],
        ['sallyport.outcome', '`cancelled` or `gone`, of a request that nobody waits for'],
      ].map(([name, meaning]) => [code(name), meaning]),
    ),
    'A question to a person ([approvals](approvals.md)) is an event of the span, `sallyport.approval`, at its end: `sallyport.approval.outcome`, `.way`, `.stage` and `.ms`; who answered is in the logs alone.',
    'A span of an error has the status `Error` and `error.type`: the code of JSON-RPC, `tool_error` for a result with `isError`, or the code of ours. A block is a decision of a plugin, and no error of it. Arguments, results, payloads, what a violation says beside its code, texts of errors and ids of sessions are in no span: the id of a session lets in whoever has it.',
    '## One trace',
    'The trace of a request is the one of its `traceparent`: that in `_meta` of the message, else that of the HTTP request, which is a link where they differ. With `tracestate` and `baggage` it goes on to plugin servers and upstreams: in headers over HTTP, and in `_meta`. With traces `traceparent` is written anew for each hop, and names the span of the call, also where nothing is recorded; without traces it passes on as it came. Where `traceparent` is set in `from_client` of an upstream, that is what the upstream gets.',
    'Whoever may call a gateway may ask with `traceparent` that a call is recorded, as `parentbased_` samplers have it. At a gateway for strangers `OTEL_TRACES_SAMPLER=traceidratio` decides without asking them.',
    'Lines of the log that are about a request or a hook call have `trace_id` and `span_id`; without traces those of the caller, where a `traceparent` came.',
    '## Variables',
    'They mean what the specification of OpenTelemetry says. An empty variable counts as not set. A value that means nothing is an error at the start (`SALLY_TRACES_VARIABLE`), with exit status 2. Where two names stand, the first that is set counts.',
    table(
      ['variable', 'value', 'default', 'meaning'],
      Object.values(traceVariables).map((row) => [
        row.names.map(code).join(', '),
        row.type,
        row.default === undefined ? '' : code(row.default),
        row.meaning,
      ]),
    ),
    'Certificates are read at the start. A collector that is away, or does not take spans, is a warning (`SALLY_TRACES_EXPORT`): once at its beginning, and then once a minute with how many spans are lost. No call waits for a collector. As a program ends, what is waiting is sent, for three seconds at most.',
    '## In a program of your own',
    '`openTraces` reads the variables and gives the observer for `createGateway`, `createPluginServer` or `openPluginManager`; with `tracerProvider` the spans go to an SDK that the program has already.',
  );
}

// ─── The files ───────────────────────────────────────────────────────────────────────────────────

const sections = [
  ['Commands', await commands()],
  ['Make targets', makeTargets()],
  ['Variables', variables()],
  ['Variables for certificates', certificateVariables()],
  ['YAML keys', keys()],
  ['Keys in the files of editors', serverKeys()],
  ['Modes', modes()],
  ['Hooks', hooks()],
  ['Checks of the doctor', doctorChecks()],
  ['Errors', errors()],
];
const intro = paragraphs(
  '# Reference',
  'Generated from the code by `npm run reference`; do not edit. `npm run check:docs` says whether it is current.',
  sections.map(([title]) => `- [${title}](#${title.toLowerCase().replaceAll(' ', '-')})`).join('\n'),
);
const pages = {
  'docs/reference.md': `${paragraphs(intro, ...sections.map(([title, body]) => paragraphs(`## ${title}`, body)))}\n`,
  'docs/metrics.md': `${metrics()}\n`,
  'docs/traces.md': `${traces()}\n`,
  'docs/logs.md': `${logs()}\n`,
  'docs/audit.md': filled('docs/audit.md', fieldsOf(auditFields)),
};

/** The text of a file by its `## ` headings; what stands before the first one has no title. */
function bySection(file) {
  return new Map(
    file.split(/^(?=## )/m).map((part) => [/^## (.*)/.exec(part)?.[1] ?? 'the introduction', part]),
  );
}

for (const [page, text] of Object.entries(pages)) {
  const target = fromHere(`../${page}`);
  if (!process.argv.includes('--check')) {
    writeFileSync(target, text);
    console.log(`${page} written`);
    continue;
  }
  const was = bySection(existsSync(target) ? readFileSync(target, 'utf8') : '');
  const is = bySection(text);
  const differing = [...new Set([...is.keys(), ...was.keys()])].filter(
    (title) => was.get(title) !== is.get(title),
  );
  if (differing.length > 0) {
    console.error(`${page} is not current in: ${differing.join(', ')}\n→ npm run reference`);
    process.exitCode = 1;
  }
}
