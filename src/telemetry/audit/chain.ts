import { createHmac, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseJson } from '../../json/index.js';

/** Where a chain is: the line that the next one follows. */
export interface ChainEnd {
  readonly chain: string;
  readonly worker: number;
  readonly seq: number;
  readonly mac: string;
}

/** Before the first line of a chain. */
export const noMac = '';

export const newChain = (worker: number): ChainEnd => ({
  chain: randomBytes(8).toString('hex'),
  worker,
  seq: 0,
  mac: noMac,
});

export function macOf(key: KeyObject, prev: string, body: string): string {
  return createHmac('sha256', key).update(`${prev}\n${body}`).digest('base64url');
}

export function sameMac(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

/** The line of `record` that follows `end`, and the end that it makes. */
export function sealed(record: object, end: ChainEnd, key: KeyObject): { line: string; end: ChainEnd } {
  const { worker, chain } = end;
  const seq = end.seq + 1;
  const json = JSON.stringify({ ...record, worker, chain, seq });
  const mac = macOf(key, end.mac, json);
  return { line: `${json.slice(0, -1)},"mac":"${mac}"}\n`, end: { worker, chain, seq, mac } };
}

/** A line of a chain, as it stands in a file. */
export interface SealedLine extends ChainEnd {
  /** What its MAC is over. */
  readonly body: string;
  readonly record: Readonly<Record<string, unknown>>;
}

const sealedLine = /^(\{.*),"mac":"([A-Za-z0-9_-]{43})"\}$/s;

/** Undefined for what is no whole line of a chain. */
export function readSealed(line: string): SealedLine | undefined {
  const [, start, mac] = sealedLine.exec(line) ?? [];
  if (start === undefined || mac === undefined) return undefined;
  const body = `${start}}`;
  try {
    const record = parseJson(body) as Record<string, unknown>;
    const { chain, worker, seq } = record;
    if (typeof chain !== 'string' || typeof worker !== 'number' || typeof seq !== 'number') return undefined;
    return { body, record, chain, worker, seq, mac };
  } catch {
    return undefined;
  }
}
