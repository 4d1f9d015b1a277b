/** What a line of the audit log has, by the name of the field: the one table that it and its documentation are made from. */
export const auditFields = {
  time: 'when, in UTC',
  event:
    '`call`: a request is about to go to an upstream (with `on_failure: refuse` alone); `end`: a request has ended; `open`, `rotate`, `close`: the log itself was begun, handed on to the next file, ended; `resumed`: it could not be written, and can be again',
  decision:
    '`allowed`; `blocked` by a plugin, or by a person who was asked, or did not answer; `denied` by a rule or the lock on tools; `refused` by the gateway, before anything was done; `failed`: it was let through, and a plugin, the upstream or the gateway failed',
  outcome:
    'what the client got: `ok`, `tool-error` (a result with `isError`), `error` (a JSON-RPC error), `refused`, `cancelled`, or `gone` (it did not wait)',
  request: 'id of the request, by which the log, plugins and clients know it',
  trace_id: 'of the `traceparent` of the request',
  user: 'who the client is; null where nobody was asked, or nobody could say',
  tenant: 'whose user that is',
  auth: 'how the client showed who it is: `none`, `bearer`, `jwt`, `mtls` or `plugin`',
  client: 'what the client calls itself: name and version of its `clientInfo`',
  address: 'where the request came from, as trusted proxies say; absent over stdio',
  method: 'method of MCP; of HTTP where no message was read',
  server: 'the virtual server that the client came to; absent at `/mcp`',
  upstream: 'where it went; absent where it went to none, or to several',
  target:
    'the tool, prompt or resource, as the upstream calls it; values of a query that are named like a secret are left out',
  rule: 'with `denied`: the rule by file and line, or `tools lock`',
  plugins:
    'the verdict of each plugin that was asked: `plugin`, `hook`, `decision`, `code` of the violation or of the error, and `reason` of the violation, in the words of the plugin',
  approvals:
    'each question to a person: `asked` (when), `asked_by` (the plugins and rules), `stage` (`call`, or `result` that was held back), `outcome` (`approved`, `refused`, `timeout`, `nobody`, `withdrawn`, `full`, `stopped`), `way`, `by` (who answered), `reason`, `ms` that it waited, and `remembered` where the answer is one to the same call before',
  status: 'HTTP status, of a request without an MCP response',
  error: 'code of the JSON-RPC error',
  code: 'code of the error, as the reference lists them, or what the reply calls it',
  ms: 'milliseconds from its arrival to its end',
  pid: 'with `open`: the process that writes',
  because: 'with `open` and `resumed`: why',
  refused: 'with `resumed`: how many requests were refused meanwhile',
  lost: 'with `resumed`, and `on_failure: continue`: how many lines could not be kept',
  torn: 'with `open` and `resumed`: bytes of the half-written line that stands before',
  after: 'with `open`: the chain that this one follows, and `seq` of the last line that is known of it',
  prev: 'with `open`: `mac` of the line before it in the chain, which may be in another file',
  worker: 'with `chain`: which of the processes that share the file, from 1',
  chain: 'with `chain`: id of the chain',
  seq: 'with `chain`: number of the line in its chain, from 1, without a gap',
  mac: 'with `chain`: HMAC-SHA-256 over `mac` of the line before it in the chain, a line feed, and this line without `mac`',
} as const;

/** What is written of one decision, or of the log itself. */
export type AuditRecord = { readonly [Field in keyof typeof auditFields]?: unknown };
