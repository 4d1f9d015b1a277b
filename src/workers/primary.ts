import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { WorkerLost } from '../errors.js';
import type { Logger } from '../log.js';
import { backoff } from '../wait.js';
import { makeWorkerBus, removeWorkerBus, type WorkerBus } from './bus.js';
import { type BusReply, busMessage, isTold, readyMessage, type Told, turnMessage } from './messages.js';
import { gatherMetrics } from './metrics.js';

/** Hears in the primary what workers tell it. */
export interface WorkersListener {
  told(worker: number, value: unknown): void;
  gone(worker: number): void;
  /** Gets what tells a worker something, as JSON. What one that is gone would have heard is lost. */
  attach?(tell: (worker: number, value: unknown) => void): void;
}

interface WorkersOptions {
  readonly count: number;
  /** The script and its arguments, as this process was started with them. */
  readonly script: string;
  readonly args: readonly string[];
  /** How long workers may take to finish what is in flight. */
  readonly graceMs: number;
  readonly listener?: WorkersListener | undefined;
  readonly log: Logger;
}

/** A worker that was lost is replaced after this, doubled each time in a row up to the most, in milliseconds. */
const pace = { retryFirst: 100, retryMost: 10_000 };
/** A worker that has served this long begins a new row. */
const soundAfterMs = 30_000;

/**
 * Runs the command in `count` processes that share its ports: the primary accepts and hands connections out in turn, and
 * does nothing else. A worker that dies is replaced. SIGTERM and SIGINT stop all of them once their calls are finished,
 * SIGHUP reaches each. Resolves with the exit status of the whole.
 */
export async function runWorkers(options: WorkersOptions): Promise<number> {
  const { count, script, args, graceMs, listener, log } = options;
  cluster.setupPrimary({ exec: script, args: [...args] });
  const alive = new Set<Worker>();
  const serves = new Set<Worker>();
  /** A worker that does not serve yet may not be listening to SIGHUP, which would end it. */
  const hangupMissed = new Set<Worker>();
  const signalAll = (signal: NodeJS.Signals) => {
    for (const worker of alive) worker.process.kill(signal);
  };
  let stopping = false;
  let lostInARow = 0;
  let bus: WorkerBus | undefined;
  process.once('exit', () => {
    if (bus) removeWorkerBus(bus);
  });
  cluster.on('message', (worker, message) => {
    if (message !== busMessage) return;
    bus ??= makeWorkerBus();
    const reply: BusReply = { sallyport: 'bus', bus };
    // A worker that has ended meanwhile needs none.
    worker.send(reply, () => {});
  });
  cluster.on('message', (worker, message) => {
    if (message === turnMessage) setImmediate(() => worker.send(turnMessage, () => {}));
  });
  cluster.on('message', gatherMetrics(serves));
  cluster.on('message', (worker, message) => {
    if (isTold(message)) listener?.told(worker.id, message.value);
  });
  listener?.attach?.((id, value) => {
    const told: Told = { sallyport: 'told', value };
    cluster.workers?.[id]?.send(told, () => {});
  });

  const stopped = new Promise<'stopped'>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        signalAll(stopping ? 'SIGKILL' : 'SIGTERM');
        stopping = true;
        resolve('stopped');
      });
    }
  });
  process.on('SIGHUP', () => {
    for (const worker of alive) {
      if (serves.has(worker)) worker.process.kill('SIGHUP');
      else hangupMissed.add(worker);
    }
  });

  /** Starts a worker; resolves once it serves, or with the status that it ended with before. */
  const start = async (): Promise<'serving' | number> => {
    const worker = cluster.fork();
    alive.add(worker);
    const ended = once(worker, 'exit').then(([status, signal]) => {
      for (const set of [alive, serves, hangupMissed]) set.delete(worker);
      listener?.gone(worker.id);
      return { status: Number(status ?? 3), how: signal ? `by ${signal}` : `with status ${status}` };
    });
    const outcome = await Promise.race([serving(worker), ended]);
    if (outcome !== 'serving') return outcome.status;
    serves.add(worker);
    if (hangupMissed.delete(worker)) worker.process.kill('SIGHUP');
    const since = performance.now();
    void ended.then(({ how }) => {
      if (stopping) return;
      if (performance.now() - since > soundAfterMs) lostInARow = 0;
      void replace(worker.process.pid, how);
    });
    return 'serving';
  };
  const startAndKeep = async (): Promise<boolean> => {
    const outcome = await start();
    if (outcome !== 'serving' && !stopping) await replace(undefined, `with status ${outcome}`);
    return outcome === 'serving';
  };
  const replace = async (pid: number | undefined, how: string) => {
    lostInARow += 1;
    const waitMs = backoff(lostInARow, pace);
    const error = WorkerLost({ pid: pid ?? 0, how, waitMs });
    log.error({ code: error.code, remedy: error.remedy }, error.message);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (stopping || !(await startAndKeep())) return;
    log.info({ workers: alive.size }, 'another worker serves in its place');
  };

  // The first one finds out whether the command can run at all: a mistake is reported once.
  const first = await start();
  if (first !== 'serving' && !stopping) return first;
  if (!stopping) {
    await Promise.race([stopped, Promise.all(Array.from({ length: count - 1 }, startAndKeep))]);
    if (!stopping) log.info({ workers: count }, `${count} workers share the port`);
  }
  await stopped;
  const late = setTimeout(() => signalAll('SIGKILL'), graceMs);
  await Promise.all([...alive].map((worker) => once(worker, 'exit')));
  clearTimeout(late);
  return 0;
}

function serving(worker: Worker): Promise<'serving'> {
  return new Promise((resolve) => {
    worker.on('message', (message: unknown) => {
      if (message === readyMessage) resolve('serving');
    });
  });
}
