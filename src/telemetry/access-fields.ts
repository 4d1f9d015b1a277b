/** What the line of a request has, by the name of the field: the one table that it and its documentation are made from. */
export const accessFields = {
  request: 'id of the request, by which other lines, plugins and clients know it',
  trace_id: 'the trace it belongs to: with traces, or where a `traceparent` came',
  span_id: 'its span in the trace; without traces that of its caller',
  user: 'who the client is; null with `auth: none`',
  tenant: 'whose user that is',
  client: 'what the client calls itself: name and version of its `clientInfo`',
  address: 'where the request came from, as trusted proxies say; absent over stdio',
  method: 'method of MCP; of HTTP where no message was read',
  server: 'the virtual server that the client came to; absent at `/mcp`',
  upstream: 'where it went; absent where it went to none, or to several',
  target: 'the tool, prompt or resource, as the upstream calls it',
  rule: 'what did not let it pass: a rule by file and line, or `tools lock`',
  plugins:
    'each plugin that was asked: `plugin`, `hook`, `decision` (`continue`, `modified`, `asked`, `blocked`, `failed`, `noted`) and `ms`',
  approvals:
    'each question to a person: `outcome` (`approved`, `refused`, `timeout`, `nobody`, `withdrawn`, `full`, `stopped`), `way` (`elicitation`, `page`, `webhook`), `by` (who answered) and `ms` that it waited',
  status: 'HTTP status, of a request without an MCP response: refused at the door, `GET`, `DELETE`',
  error: 'code of the JSON-RPC error',
  outcome:
    '`ok`, `tool-error` (a result with `isError`), `error` (a JSON-RPC error), `refused` (before anything was done for it), `cancelled`, or `gone` (the client did not wait)',
  ms: 'milliseconds from its arrival to its response',
} as const;

export type AccessFields = { readonly [Field in keyof typeof accessFields]?: unknown };
