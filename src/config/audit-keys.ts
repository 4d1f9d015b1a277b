import { type Keys, key, optional, required } from './schema.js';

/** The `audit` block of a gateway. */
export const auditKeys = {
  file: required(
    { kind: 'path' },
    'the audit log: a JSON object a line for each decision, appended; made with mode 600. SIGHUP goes on with the file that the path leads to, after a rename a new one',
  ),
  chain: key(
    { kind: 'boolean' },
    'whether each line has a keyed hash (HMAC-SHA-256) over the line before it, so that sallyport audit verify sees what was changed or taken away',
    { default: false },
  ),
  key_file: optional(
    { kind: 'path' },
    'for chain: the key, 32 bytes or more of any text; absent: file with .key behind it, made with a new log',
  ),
  on_failure: key(
    { kind: 'choice', values: ['refuse', 'continue'] },
    'what becomes of requests while the log cannot be written: refuse, no call reaches an upstream before a line of it is written; continue, they go on, and lines are kept as long as there is room',
    { default: 'refuse' },
  ),
  fsync: key(
    { kind: 'boolean' },
    'whether lines are on the disk before anybody goes on (fdatasync); false: they are with the system, and survive the end of this process, not that of the machine',
    { default: false },
  ),
} as const satisfies Keys;
