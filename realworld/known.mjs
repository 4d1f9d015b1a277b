/**
 * What is known to differ from a direct connection, with its cause. `keys` are the names of what was asked (see
 * `lib/plan.mjs` and `clients/tasks.mjs`), `differs` is the difference as it is told. An entry that explains nothing in a
 * whole run fails it, so that this list stays true; one that shows `sometimes` may do either.
 */
const knownDifferences = [
  {
    keys: /^tools\/list no-such-page$/,
    differs: /^result .* became error .*SALLY_ROUTE_CURSOR/,
    cause:
      'a cursor that nobody gave out is -32602, as the specification has it; the server answers with its first page',
  },
  {
    subjects: /^everything-go$/,
    keys: /^tools\/call notify$/,
    differs: /notifications\/progress .* became nothing/,
    cause: 'progress of a call for which the client gave no token is not passed on',
  },
  {
    subjects: /^sqlite$/,
    keys: /^tools\/call append_insight/,
    differs: /notifications\/resources\/updated .* became nothing/,
    cause: 'an update of a resource that the client has not subscribed to is not passed on',
  },
  {
    subjects: /^(excel-negokaz|everything-go|memory-go)$/,
    keys: /^tools\/list no-such-page$/,
    differs: /the cursor of tools\/list is none/,
    cause: 'a cursor that nobody gave out is refused in words of the gateway',
  },
  {
    subjects: /^excel-negokaz$/,
    keys: /^tools\/call excel_copy_sheet/,
    differs: /is required/,
    cause: 'the server names any one of the arguments that are missing, another one each time',
    sometimes: true,
  },
  {
    subjects: /^(time|git|fetch|pandoc|motherduck|excel|pymupdf4llm|word|everything-go|memory-go)$/,
    keys: /./,
    differs: /written otherwise|\/code: |resultType|ttlMs/,
    cause:
      'the gateway speaks 2026-07-28 to a server of both eras, which then has another order of members and other codes of errors than in 2025-11-25',
    sometimes: true,
  },
  {
    keys: /^tools\/call$/,
    differs: /-32602|name must be a text/,
    cause: 'a call that names no tool belongs to no server: the gateway refuses it in words of its own',
  },
  {
    keys: /^capabilities$/,
    differs: /listChanged: false became true|listChanged came in addition: true/,
    cause: 'lists of the gateway change as upstreams come and go, whatever a server says of its own',
  },
  {
    keys: /^(capabilities|tools\/list.*|tools)$/,
    differs: /\/tasks is missing|\/execution is missing/,
    cause: 'tasks are part of 2025-11-25, and not of 2026-07-28',
  },
  {
    keys: /^what the server says by itself$/,
    differs: /roots\/list|notifications\//,
    cause:
      'the session with a server is opened by the first request and not by initialize, so that what the server says at its beginning comes at another time, and may come after the client is gone',
    sometimes: true,
  },
];

/** The entry that explains a difference of one subject (a server or client) by one way. */
export function knownDifference({ subject, way, key, difference }) {
  return knownDifferences.find(
    (one) =>
      (one.subjects ?? /./).test(subject) &&
      (one.ways ?? [way]).includes(way) &&
      one.keys.test(key) &&
      one.differs.test(difference),
  );
}

/** The entries that `explained` has not, and that should have shown. */
export const goneFrom = (explained) =>
  knownDifferences.filter((one) => !one.sometimes && !explained.has(one));
