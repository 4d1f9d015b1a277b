import type { KeyObject } from 'node:crypto';
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { AuditWriteFailed, fileReason } from '../../errors.js';
import { parseJson } from '../../json/index.js';
import { isAlive, locked } from '../../lock.js';
import { readFileBytesSync } from '../../read-file.js';
import { type ChainEnd, macOf, readSealed, sameMac } from './chain.js';

/** How far a chain had come, counted beside the log: lines that are missing at its end show by that. */
export interface Head extends ChainEnd {
  /** The file that its last line is in, and how long that was. */
  readonly ino: number;
  readonly size: number;
  /** Whether its last line closes it: it was ended in order. */
  readonly closed: boolean;
  /** Who writes the chain; 0 for nobody. */
  readonly pid: number;
  readonly host: string;
  /** When that process began: another one may have its number by now. */
  readonly since: number;
}

export const headPath = (file: string, worker: number): string => `${file}.head-${worker}`;

/** So many processes write one log at most. */
const mostWorkers = 1_000;

/** The head in a file, where it is one that was made with `key`. */
export function readHead(path: string, key: KeyObject): Head | undefined {
  try {
    const { mac: seal, ...head } = parseJson(readFileBytesSync(path).toString()) as Head & {
      readonly mac: string;
    };
    const { end, ...rest } = head as unknown as { end: string } & Omit<Head, 'mac'>;
    const body = JSON.stringify(head);
    return sameMac(seal, macOf(key, 'head', body)) ? { ...rest, mac: end } : undefined;
  } catch {
    return undefined;
  }
}

function headText({ mac: end, ...head }: Head, key: KeyObject): string {
  const body = { ...head, end };
  return `${JSON.stringify({ ...body, mac: macOf(key, 'head', JSON.stringify(body)) })}\n`;
}

const own = { pid: process.pid, host: hostname(), since: performance.timeOrigin };

/** Whether the process that wrote a head last may still be there. */
function isHeld({ pid, host, since }: Head): boolean {
  if (pid === 0) return false;
  // Nobody here can ask another host.
  if (host !== own.host) return true;
  return pid === own.pid ? since === own.since : isAlive(pid);
}

/** The head of one worker, held by this process until it is let go. */
export interface HeldHead {
  readonly worker: number;
  /** As the process before has left it. */
  readonly before: Head | undefined;
  write(end: ChainEnd, place: { readonly ino: number; readonly size: number }, closed: boolean): void;
  release(): void;
}

/** Takes the first head that no process holds. @throws SALLY_AUDIT_WRITE where it cannot be written. */
export function holdHead(file: string, key: KeyObject): Promise<HeldHead> {
  const failed = (error: unknown) => AuditWriteFailed({ path: file, reason: fileReason(error) }, error);
  const lock = {
    path: `${file}.lock`,
    mode: 0o600,
    patienceMs: 10_000,
    busy: (holder: string) => AuditWriteFailed({ path: file, reason: `${file}.lock is held by ${holder}` }),
    failed,
  };
  return locked(lock, async () => {
    for (let worker = 1; worker <= mostWorkers; worker += 1) {
      const path = headPath(file, worker);
      const before = readHead(path, key);
      if (before && isHeld(before)) continue;
      try {
        return held(path, worker, before, key);
      } catch (error) {
        throw failed(error);
      }
    }
    throw AuditWriteFailed({ path: file, reason: `${mostWorkers} processes write it already` });
  });
}

function held(path: string, worker: number, before: Head | undefined, key: KeyObject): HeldHead {
  const fd = openSync(path, 'a+', 0o600);
  closeSync(fd);
  const out = openSync(path, 'r+');
  let last: Head = before ?? { chain: '', worker, seq: 0, mac: '', ino: 0, size: 0, closed: false, ...own };
  const put = (head: Head) => {
    last = head;
    const text = headText(head, key);
    const written = writeSync(out, text, 0);
    ftruncateSync(out, written);
  };
  put({ ...last, ...own });
  return {
    worker,
    before,
    write: (end, place, closed) => put({ ...end, ...place, closed, ...own }),
    release() {
      put({ ...last, pid: 0 });
      closeSync(out);
    },
  };
}

/** Where a chain goes on, or why it does not. */
export type Continuation =
  | { readonly kind: 'goes on'; readonly end: ChainEnd }
  | { readonly kind: 'anew'; readonly because: string; readonly suspicious: boolean };

/** Looks for the end of the chain of `head` in the log: after a crash there may be lines that the head does not count. */
export function continuationOf(head: Head | undefined, fd: number, key: KeyObject): Continuation {
  const { ino, size } = fstatSync(fd);
  const anew = (because: string, suspicious = false): Continuation => ({ kind: 'anew', because, suspicious });
  if (head === undefined || head.seq === 0) return anew('the log begins');
  if (head.ino !== ino) {
    if (head.closed) return { kind: 'goes on', end: head };
    return anew('the process before ended without a closing line, in a file that is not here any more');
  }
  if (size < head.size) return anew('the file is shorter than it was: lines were cut off', true);
  let end: ChainEnd = head;
  for (const text of textFrom(fd, head.size, size).split('\n')) {
    const line = readSealed(text);
    if (line?.chain !== head.chain) continue;
    if (line.seq !== end.seq + 1 || !sameMac(line.mac, macOf(key, end.mac, line.body)))
      return anew('a line of the chain is not what was written', true);
    end = line;
  }
  const { chain, worker, seq, mac } = end;
  return { kind: 'goes on', end: { chain, worker, seq, mac } };
}

function textFrom(fd: number, from: number, to: number): string {
  const bytes = Buffer.alloc(to - from);
  let read = 0;
  while (read < bytes.length) {
    const some = readSync(fd, bytes, read, bytes.length - read, from + read);
    if (some === 0) break;
    read += some;
  }
  return bytes.toString('utf8', 0, read);
}
