import type { KeyObject } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { Readable } from 'node:stream';
import { AuditNotChained, FileUnreadable, fileReason } from '../../errors.js';
import { readFileBytes } from '../../read-file.js';
import { macOf, noMac, readSealed, type SealedLine, sameMac } from './chain.js';
import { type Head, headPath, readHead } from './heads.js';

/** Where in the files something was seen. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** What is wrong, and why. */
export interface Fault extends Place {
  readonly why: string;
}

/** One chain, as far as the files go. */
export interface ChainSeen {
  readonly chain: string;
  readonly worker: number;
  readonly first: number;
  readonly last: number;
  /** `closed`: by a closing line; `handed on`: its next line is in another file; `open`: it goes on, or a crash has ended it. */
  readonly end: 'closed' | 'handed on' | 'open';
}

export interface Verdict {
  readonly lines: number;
  readonly chains: readonly ChainSeen[];
  /** The first line that is not as it was written, or what is missing. */
  readonly fault: Fault | undefined;
  /** What is no tampering, and worth to be known. */
  readonly notes: readonly Fault[];
}

interface Seen {
  readonly worker: number;
  readonly first: number;
  last: SealedLine;
  at: Place;
}

/** What is no whole line of a chain. */
interface Fragment extends Place {
  readonly bytes: number;
  /** Nothing comes after it, not even a line end. */
  readonly atEnd: boolean;
}

/**
 * Reads files of an audit log in order, the oldest first, and says the first line that is not what was written. Heads are
 * looked for beside the last file.
 *
 * @throws SALLY_FILE_UNREADABLE, SALLY_AUDIT_NOT_CHAINED
 */
export async function verifyAudit(files: readonly string[], key: KeyObject): Promise<Verdict> {
  const chains = new Map<string, Seen>();
  const fragments: Fragment[] = [];
  const torn: number[] = [];
  /** Chains whose end another one has told of: nobody could say how they ended. */
  const followed = new Map<string, number>();
  const notes: Fault[] = [];
  const inodes = new Set<number>();
  let lines = 0;
  let fault: Fault | undefined;

  const take = (line: SealedLine, at: Place): string | undefined => {
    const { event, prev, torn: halves, after } = line.record;
    const seen = chains.get(line.chain);
    const wrong = seen
      ? following(line, seen)
      : beginning(line, typeof prev === 'string' ? prev : noMac, key, chains.size === 0);
    if (wrong !== undefined) return wrong;
    if (seen && !sameMac(line.mac, macOf(key, seen.last.mac, line.body)))
      return 'it was changed, or the line before it in its chain was';
    if (seen) Object.assign(seen, { last: line, at });
    else chains.set(line.chain, { worker: line.worker, first: line.seq, last: line, at });
    if (!seen && line.seq > 1)
      notes.push({
        ...at,
        why: `${nameOf(line)} begins here with ${line.seq}: what is before is in another file`,
      });
    if (Array.isArray(halves)) torn.push(...halves.map(Number));
    if (event === 'open' && after) {
      const { chain, seq } = after as { chain: string; seq: number };
      followed.set(chain, seq);
    }
    return undefined;
  };

  for (const file of files) {
    inodes.add(statOf(file).ino);
    let number = 0;
    for await (const { text, bytes, ended } of linesOf(file)) {
      number += 1;
      if (text === '') continue;
      lines += 1;
      const at = { file, line: number };
      const line = readSealed(text);
      if (line === undefined) {
        fragments.push({ ...at, bytes, atEnd: !ended });
        continue;
      }
      const why = take(line, at);
      if (why === undefined) continue;
      fault = { ...at, why };
      break;
    }
    if (fault) break;
  }
  const [first = ''] = files;
  if (chains.size === 0 && fault === undefined) throw AuditNotChained({ path: first });

  const heads = headsBeside(files.at(-1) ?? first, key);
  const last = fragments.at(-1);
  const half = last?.atEnd && last.file === files.at(-1) ? last : undefined;
  for (const fragment of fragments) {
    const known = torn.indexOf(fragment.bytes);
    if (fragment === half && !fault) continue;
    if (known >= 0) {
      torn.splice(known, 1);
      notes.push({
        ...placeOf(fragment),
        why: 'it is half written, as the log itself says after it: a crash, or a full disk',
      });
    } else if (fault === undefined || isBefore(fragment, fault, files)) {
      fault = { ...placeOf(fragment), why: 'it is no line of this log: it was changed, or put there' };
      break;
    }
  }
  if (fault === undefined) fault = missingAtEnd(chains, heads, { inodes, followed, half });
  if (half && fault === undefined)
    notes.push({
      ...placeOf(half),
      why: 'it is half written, as a crash leaves the last line: all before it is whole',
    });
  return {
    lines,
    fault,
    notes,
    chains: [...chains].map(
      ([
        chain,
        {
          worker,
          first: from,
          last: { seq, record },
        },
      ]) => ({
        chain,
        worker,
        first: from,
        last: seq,
        end: record['event'] === 'close' ? 'closed' : record['event'] === 'rotate' ? 'handed on' : 'open',
      }),
    ),
  };
}

const nameOf = ({ chain, worker }: { readonly chain: string; readonly worker: number }) =>
  `chain ${chain} of worker ${worker}`;

const placeOf = ({ file, line }: Place): Place => ({ file, line });

const isBefore = (one: Place, other: Place, files: readonly string[]): boolean =>
  files.indexOf(one.file) < files.indexOf(other.file) || (one.file === other.file && one.line < other.line);

/** What is wrong with the number of a line; undefined where it is the next. */
function following({ seq }: SealedLine, { last, at }: Seen): string | undefined {
  if (seq === last.seq + 1) return undefined;
  if (seq <= last.seq)
    return `it has number ${seq} of its chain, after ${last.seq}: it was put there, or lines were swapped`;
  const many = seq - last.seq - 1;
  return `${many === 1 ? 'a line is' : `${many} lines are`} missing before it: number ${seq} of its chain follows ${last.seq} (${at.file}, line ${at.line})`;
}

/** What is wrong with the first line of a chain. */
function beginning(line: SealedLine, prev: string, key: KeyObject, isFirst: boolean): string | undefined {
  const { event } = line.record;
  if (event !== 'open')
    return `${nameOf(line)} begins here with number ${line.seq} and without its opening line: lines before it are missing`;
  if (sameMac(line.mac, macOf(key, prev, line.body))) return undefined;
  return isFirst ? 'it was not made with this key, or it was changed' : 'it was changed, or put there';
}

/** What shows at the end of a chain alone: that lines after it were taken away. */
function missingAtEnd(
  chains: ReadonlyMap<string, Seen>,
  heads: ReadonlyMap<string, Head>,
  about: {
    readonly inodes: ReadonlySet<number>;
    readonly followed: ReadonlyMap<string, number>;
    readonly half: Fragment | undefined;
  },
): Fault | undefined {
  for (const [chain, { last, at }] of chains) {
    const event = last.record['event'];
    const head = heads.get(chain);
    const counted = Math.max(
      head && (event !== 'rotate' || about.inodes.has(head.ino)) ? head.seq : 0,
      about.followed.get(chain) ?? 0,
    );
    if (counted > last.seq) {
      const many = counted - last.seq;
      const lines = many === 1 ? 'a line' : `${many} lines`;
      return {
        ...at,
        why: `${lines} of its chain after it ${many === 1 ? 'is' : 'are'} missing: ${counted} were written, and ${last.seq} is the last that is there`,
      };
    }
    if (event === 'close' || event === 'rotate' || head || about.followed.has(chain)) continue;
    const half = about.half ? ', but for one that is half written' : '';
    return {
      ...at,
      why: `nothing closes its chain after it${half}, and there is no ${headPath('FILE', last.worker)} beside the log that counts its lines: it may go on, a crash may have ended it, or lines were cut off. Verify the log where it is written, or bring that file along`,
    };
  }
  for (const [chain, head] of heads)
    if (!chains.has(chain) && head.seq > 0 && about.inodes.has(head.ino))
      return { file: '', line: 0, why: `${nameOf(head)} is missing: ${head.seq} lines of it were written` };
  return undefined;
}

/** The heads that lie beside a file, by their chains. */
function headsBeside(file: string, key: KeyObject): ReadonlyMap<string, Head> {
  const heads = new Map<string, Head>();
  for (let worker = 1; existsSync(headPath(file, worker)); worker += 1) {
    const head = readHead(headPath(file, worker), key);
    if (head) heads.set(head.chain, head);
  }
  return heads;
}

function statOf(file: string) {
  try {
    return statSync(file);
  } catch (error) {
    throw FileUnreadable({ path: file, what: 'the audit log', reason: fileReason(error) }, error);
  }
}

/** The lines of a file, without what ends them. A line of the log is never longer than a few kilobytes, whatever is in the file. */
async function* linesOf(file: string) {
  const newline = 0x0a;
  let rest: Buffer = Buffer.alloc(0);
  try {
    // What a shell has for a program (`<(zcat …)`) is small enough to be read whole, and nobody waits for one that nobody writes to.
    const stream = statOf(file).isFIFO()
      ? Readable.from([await readFileBytes(file)])
      : createReadStream(file);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      let piece = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline)) {
        const line = piece.subarray(0, end);
        yield { text: line.toString(), bytes: line.length, ended: true };
        piece = piece.subarray(end + 1);
      }
      rest = piece;
    }
  } catch (error) {
    throw FileUnreadable({ path: file, what: 'the audit log', reason: fileReason(error) }, error);
  }
  if (rest.length > 0) yield { text: rest.toString(), bytes: rest.length, ended: false };
}
