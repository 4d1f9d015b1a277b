import { asInModern } from './lib/translate.mjs';

/**
 * What is known to differ from a direct connection, with its cause. `keys` are the names of what was asked (see
 * `lib/plan.mjs` and `clients/tasks.mjs`), `differs` is the difference as it is told, from its beginning to its end. An
 * entry that explains nothing in a whole run fails it, so that this list stays true; one that shows `sometimes` may do either.
 */
const knownDifferences = [
  {
    keys: /^tools\/list no-such-page$/,
    differs: /^result .* became SALLY_ROUTE_CURSOR \(-32602\)/,
    cause:
      'a cursor that nobody gave out is -32602, as the specification has it; the server answers with its first page',
  },
  {
    subjects: /^(excel-negokaz|everything-go|memory-go|gopls)$/,
    keys: /^tools\/list no-such-page$/,
    differs: /^error .* became SALLY_ROUTE_CURSOR \(-32602\)/,
    cause: 'a cursor that nobody gave out is refused in words of the gateway',
  },
  {
    keys: /^tools\/call$/,
    differs: /^(error|result) .* became SALLY_ROUTE_PARAMS \(-32602\)/,
    cause: 'a call that names no tool belongs to no server: the gateway refuses it in words of its own',
  },
  {
    subjects: /^memory-go$/,
    keys: /^no\/such\/method$/,
    differs: /^error \{"code":400,.* became SALLY_UPSTREAM_STATUS \(-32603\)/,
    cause:
      'the server refuses a method with HTTP 400 and no JSON-RPC message, which is told as a failure of the upstream',
  },
  {
    keys: /^capabilities$/,
    differs: /^\/\w+\/listChanged(: false became true| came in addition: true)$/,
    cause: 'lists of the gateway change as upstreams come and go, whatever a server says of its own',
  },
  {
    ways: ['modern'],
    keys: /^(capabilities|tools\/list.*|tools)$/,
    differs: /^(\/tasks|(\/tools)?\/\d+\/execution) is missing/,
    cause: 'tasks are part of 2025-11-25, and not of 2026-07-28',
  },
  {
    subjects: /^openai-agents-js$/,
    keys: /^tools$/,
    differs: /^\/\d+\/execution is missing/,
    cause: 'the client asks for 2026-07-28 by itself where that is served, which has no tasks',
  },
  {
    ways: ['modern'],
    keys: /^what the server says by itself$/,
    differs:
      /^\/(ping|roots\/list|notifications\/(message|(tools|resources|prompts)\/list_changed)) is missing: "said"$/,
    cause:
      'in 2026-07-28 nothing comes to a client by itself that has not asked for it by subscriptions/listen or the log level of a request, and there is no ping',
  },
  {
    subjects: /^everything$/,
    ways: ['http'],
    keys: /^what the server says by itself$/,
    differs: /^\/notifications\/tools\/list_changed is missing: "said"$/,
    cause:
      'the gateway listens to a server once that has taken initialized, as the SDKs do, and lists its tools after that: what this server says of them while it takes initialized reaches nobody',
    sometimes: true,
  },
  {
    ways: ['stdio', 'http'],
    keys: /^what the server says by itself$/,
    differs: /^\/ping is missing: "said"$/,
    cause: 'a ping is for the connection on which it comes: the gateway answers that of a server itself',
    sometimes: true,
  },
  {
    ways: ['stdio', 'http', 'together'],
    keys: /./,
    differs: new RegExp(`^${asInModern}: `),
    cause:
      'the gateway speaks 2026-07-28 to a server of both eras, and what comes is what that server says in 2026-07-28',
  },
  {
    ways: ['stdio', 'http'],
    keys: /^resources\/read nowhere:/,
    differs: /^\/code: -32602 became -32002$/,
    cause:
      'a resource that is not there is -32002 in 2025-11-25 and -32602 in 2026-07-28: the gateway tells a client the code of its revision, also where the server has the other one in both',
  },
  {
    subjects: /^everything-go$/,
    keys: /^tools\/call notify$/,
    differs: /^on the way: notifications\/progress .* became nothing$/,
    cause: 'progress of a call for which the client gave no token is not passed on',
  },
  {
    subjects: /^everything-go$/,
    keys: /^tools\/call longRunningOperation$/,
    differs:
      /^on the way: notifications\/progress .*100%.* became notifications\/progress (?!.*notifications\/)/,
    cause:
      'the server may send its last progress after the result, when the token of the request is good for nothing more',
    sometimes: true,
  },
  {
    subjects: /^sqlite$/,
    keys: /^tools\/call append_insight/,
    differs: /^on the way: notifications\/resources\/updated .* became nothing$/,
    cause: 'an update of a resource that the client has not subscribed to is not passed on',
  },
  {
    subjects: /^excel-negokaz$/,
    keys: /^tools\/call excel_(copy|read)_sheet/,
    differs: /^\/content\/\d+\/text: "Invalid argument: [^"]+" became "Invalid argument: [^"]+"$/,
    cause: 'the server names what is wrong with several arguments in another order each time',
    sometimes: true,
  },
];

/**
 * The entries that explain all differences of one answer to one subject (a server or client) by one way; undefined where
 * one of them has no explanation.
 */
export function explained({ subject, way, key, differences }) {
  const entries = differences.map((difference) =>
    knownDifferences.find(
      (one) =>
        (one.subjects ?? /./).test(subject) &&
        (one.ways ?? [way]).includes(way) &&
        one.keys.test(key) &&
        one.differs.test(difference),
    ),
  );
  return entries.includes(undefined) ? undefined : [...new Set(entries)];
}

/** The entries that are not among the `used`, and that should have shown. */
export const goneFrom = (used) => knownDifferences.filter((one) => !one.sometimes && !used.has(one));
