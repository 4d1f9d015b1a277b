import type { Registry } from 'prom-client';

/** A metric as it is defined: the one table that `/metrics` and its reference are made from. */
export interface MetricRow {
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** What each label says. */
  readonly labels: Readonly<Record<string, string>>;
  /** The programs that have it. */
  readonly of: 'gateway' | 'server' | 'both';
  /** How the values of several workers become one. Default: their sum. */
  readonly aggregator?: 'min' | 'max';
  /** Upper bounds of a histogram, in seconds. */
  readonly buckets?: readonly number[];
}

/** Those of OpenTelemetry's conventions for MCP, with finer ones below: most calls take less than 10 ms. */
const requestBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300];
const shortBuckets = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 30];

const method = 'method of MCP; `other` for one that is not of MCP';
const upstream = 'name of the upstream; empty where the request goes to none, or to several';
const era = '`legacy` (with sessions, up to 2025-11-25) or `modern` (2026-07-28)';
const outcome =
  '`ok`, `tool-error` (a result with `isError`), `error` (a JSON-RPC error), `cancelled`, or `gone` (the client did not wait)';
const plugin = 'name of the plugin';
const hook = 'name of the hook';
const role =
  '`server`: the certificate that is shown to clients; `client`: one that is shown to a plugin server or an upstream';

export const metricTable = {
  requests: {
    name: 'mcp_server_operation_duration_seconds',
    kind: 'histogram',
    help: 'Requests of clients that were let in, from their arrival to their response',
    labels: { mcp_method_name: method, upstream, era, outcome },
    of: 'both',
    buckets: requestBuckets,
  },
  ownTime: {
    name: 'sallyport_request_own_seconds',
    kind: 'histogram',
    help: 'What of the time of a request the program itself took: without waiting for upstreams and plugins',
    labels: { mcp_method_name: method },
    of: 'gateway',
    buckets: shortBuckets,
  },
  toolCalls: {
    name: 'sallyport_tool_calls_total',
    kind: 'counter',
    help: 'Calls of tools; not there with metrics.tool_names: false',
    labels: {
      upstream: 'name of the upstream',
      tool: 'name of the tool there; `other` for one that is in no list of the upstream that this process has seen',
      outcome,
    },
    of: 'gateway',
  },
  serverRequests: {
    name: 'sallyport_virtual_server_requests_total',
    kind: 'counter',
    help: 'Requests of clients of virtual servers',
    labels: { server: 'name of the virtual server', mcp_method_name: method, outcome },
    of: 'gateway',
  },
  upstreamCalls: {
    name: 'mcp_client_operation_duration_seconds',
    kind: 'histogram',
    help: 'Requests to upstreams, from when they may be sent to their response',
    labels: {
      mcp_method_name: method,
      upstream: 'name of the upstream',
      era: `how the upstream speaks: ${era}`,
      outcome:
        '`ok`, `tool-error`, `error` (a JSON-RPC error), or the code of the error where no response came',
    },
    of: 'gateway',
    buckets: requestBuckets,
  },
  hookCalls: {
    name: 'sallyport_hook_calls_total',
    kind: 'counter',
    help: 'Hook calls, by what the plugin decided',
    labels: {
      plugin,
      hook,
      decision:
        '`continue`, `modified`, `asked` (a person was to decide), `blocked`, `failed`, `noted` (it would have ended the request under a stricter mode), or `cancelled`',
      reason:
        'code of the violation or of the failure; `other` for codes of violations beyond the first hundred of a plugin; empty where there is none',
    },
    of: 'both',
  },
  hookTime: {
    name: 'sallyport_hook_call_seconds',
    kind: 'histogram',
    help: 'How long hook calls took; of plugins that a server ran in one round trip, what each took there',
    labels: { plugin, hook },
    of: 'both',
    buckets: shortBuckets,
  },
  approvals: {
    name: 'sallyport_approval_seconds',
    kind: 'histogram',
    help: 'Questions to people whether a call may go on, from when they were asked to their end',
    labels: {
      outcome:
        '`approved`, `refused`, `timeout` (nobody answered), `nobody` (there was nobody to be asked), `withdrawn` (the client gave the call up), `full` (too many wait), or `stopped` (the gateway was about to stop)',
      way: '`elicitation`, `page` or `webhook`; `remembered` for an answer to the same call before; empty where nobody answered',
    },
    of: 'gateway',
    buckets: [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
  },
  accessDecisions: {
    name: 'sallyport_access_decisions_total',
    kind: 'counter',
    help: 'Requests that a rule or the lock on tools did not let pass',
    labels: {
      decision: '`deny`, or `ask` where somebody has to approve it',
      rule: 'the rule by file and line, or `tools lock`',
    },
    of: 'gateway',
  },
  refusals: {
    name: 'sallyport_refusals_total',
    kind: 'counter',
    help: 'HTTP requests that were refused before anything was done for them',
    labels: {
      reason:
        'code of the error, the `error` of the reply (such as `invalid_token`), or the HTTP status (such as `http_403`)',
    },
    of: 'both',
  },
  errors: {
    name: 'sallyport_errors_total',
    kind: 'counter',
    help: 'Requests of clients that were let in and ended with an error of Sallyport',
    labels: { code: 'code of the error, as the reference lists them' },
    of: 'both',
  },
  limits: {
    name: 'sallyport_limits_reached_total',
    kind: 'counter',
    help: 'Requests that were turned away, or whose questions were, because there were as many as there may be',
    labels: { limit: 'code of the error: it says which limit' },
    of: 'both',
  },
  tokenRequests: {
    name: 'sallyport_oauth_token_requests_total',
    kind: 'counter',
    help: 'Requests for access tokens of upstreams',
    labels: {
      upstream: 'name of the upstream',
      grant: '`grant` of its oauth block',
      outcome: '`ok`, or the code of the error',
    },
    of: 'gateway',
  },
  upstreamUp: {
    name: 'sallyport_upstream_up',
    kind: 'gauge',
    help: 'Whether an upstream can be reached: 1 while it can',
    labels: { upstream: 'name of the upstream' },
    of: 'gateway',
    aggregator: 'min',
  },
  upstreamRunning: {
    name: 'sallyport_upstream_requests_running',
    kind: 'gauge',
    help: 'Requests that an upstream has not answered yet',
    labels: { upstream: 'name of the upstream' },
    of: 'gateway',
  },
  upstreamWaiting: {
    name: 'sallyport_upstream_requests_waiting',
    kind: 'gauge',
    help: 'Requests that wait to be sent to an upstream, which has as many as it may have at once',
    labels: { upstream: 'name of the upstream' },
    of: 'gateway',
  },
  upstreamConnections: {
    name: 'sallyport_upstream_connections',
    kind: 'gauge',
    help: 'Connections to an upstream, or child processes',
    labels: { upstream: 'name of the upstream' },
    of: 'gateway',
  },
  toolsLockChanges: {
    name: 'sallyport_tools_lock_changes_total',
    kind: 'counter',
    help: 'Entries that an upstream listed and that were not as they are locked, each counted once as it came',
    labels: {
      upstream: 'name of the upstream',
      kind: '`instructions`, `tools`, `prompts`, `templates` or `resources`',
      change: '`new`: not locked; `changed`: locked as something else',
    },
    of: 'gateway',
  },
  sessions: {
    name: 'sallyport_sessions',
    kind: 'gauge',
    help: 'Client sessions that are open',
    labels: {},
    of: 'gateway',
  },
  streams: {
    name: 'sallyport_streams',
    kind: 'gauge',
    help: 'Event streams that are open',
    labels: {},
    of: 'both',
  },
  running: {
    name: 'sallyport_requests_running',
    kind: 'gauge',
    help: 'Requests of clients that are being served',
    labels: {},
    of: 'both',
  },
  connections: {
    name: 'sallyport_connections',
    kind: 'gauge',
    help: 'Connections on the main port',
    labels: { state: '`known`: somebody was let in on it; `stranger`: nobody yet' },
    of: 'both',
  },
  evicted: {
    name: 'sallyport_connections_evicted_total',
    kind: 'counter',
    help: 'Connections of strangers that were ended because there were too many (SALLY_CONNECTIONS_STRANGERS)',
    labels: {},
    of: 'both',
  },
  bytes: {
    name: 'sallyport_bytes_total',
    kind: 'counter',
    help: 'Bytes on the main port, with what HTTP and TLS add to them',
    labels: { direction: '`in` or `out`' },
    of: 'both',
  },
  certificateExpiry: {
    name: 'sallyport_tls_certificate_expiry_seconds',
    kind: 'gauge',
    help: 'Seconds until a certificate in use ends; negative once it has',
    labels: {
      role,
      kind: '`leaf` or `ca`',
      subject: 'subject of the certificate',
      serial: 'its serial number, in hexadecimal',
      file: 'path of its file',
    },
    of: 'both',
    // Of several workers the one that is worst off: a sum would mean nothing.
    aggregator: 'min',
  },
  reloads: {
    name: 'sallyport_tls_reloads_total',
    kind: 'counter',
    help: 'Changes of certificate files by what came of them',
    labels: { role, result: '`changed`: they are in use; `refused`: the old ones are kept' },
    of: 'both',
  },
  lastReload: {
    name: 'sallyport_tls_last_reload_timestamp_seconds',
    kind: 'gauge',
    help: 'When the certificates in use were loaded, in seconds since 1970',
    labels: { role },
    of: 'both',
    aggregator: 'min',
  },
  handshakeFailures: {
    name: 'sallyport_tls_handshake_failures_total',
    kind: 'counter',
    help: 'TLS handshakes that failed and peers that were refused',
    labels: { role: '`server` or `client`: the side that this program was on', reason: 'code of the error' },
    of: 'both',
  },
  pluginAway: {
    name: 'sallyport_plugin_away',
    kind: 'gauge',
    help: 'Whether the server of an external plugin answers nothing, not even a probe: 1 while its calls fail at once',
    labels: { plugin },
    of: 'gateway',
    aggregator: 'max',
  },
  pluginWentAway: {
    name: 'sallyport_plugin_outages_total',
    kind: 'counter',
    help: 'How often an external plugin was taken as away',
    labels: { plugin },
    of: 'gateway',
  },
  auditLines: {
    name: 'sallyport_audit_lines_total',
    kind: 'counter',
    help: 'Lines that were written to the audit log; those of it are there with gateway.audit alone',
    labels: {},
    of: 'gateway',
  },
  auditFailures: {
    name: 'sallyport_audit_failures_total',
    kind: 'counter',
    help: 'Attempts to write to the audit log that failed',
    labels: {},
    of: 'gateway',
  },
  auditLost: {
    name: 'sallyport_audit_lines_lost_total',
    kind: 'counter',
    help: 'Lines of the audit log that could not be kept until they could be written; with on_failure: continue alone',
    labels: {},
    of: 'gateway',
  },
  auditFailing: {
    name: 'sallyport_audit_failing',
    kind: 'gauge',
    help: 'Whether the audit log cannot be written: 1 while requests are refused for that, or go on without it',
    labels: {},
    of: 'gateway',
    aggregator: 'max',
  },
  linesDropped: {
    name: 'sallyport_log_lines_dropped_total',
    kind: 'counter',
    help: 'Lines of the log that were dropped because whoever reads it did not keep up',
    labels: {},
    of: 'both',
  },
} as const satisfies Record<string, MetricRow>;

export type MetricName = keyof typeof metricTable;
type LabelOf<Name extends MetricName> = keyof (typeof metricTable)[Name]['labels'] & string;

/** What `prom-client` makes the metric of, for `registry` to show. */
export function metricOptions<Name extends MetricName>(key: Name, registry: Registry) {
  const { name, help, labels, aggregator, buckets }: MetricRow = metricTable[key];
  return {
    name,
    help,
    labelNames: Object.keys(labels) as LabelOf<Name>[],
    registers: [registry],
    ...(aggregator && { aggregator }),
    ...(buckets && { buckets: [...buckets] }),
  };
}
