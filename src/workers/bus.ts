import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the workers of one primary share, and nobody else has. */
export interface WorkerBus {
  /** A folder that only this user may enter (mkdtemp makes it with mode 700), for their sockets. */
  readonly folder: string;
  /** How one shows another that it is among them: the folder keeps other users out, this keeps out other programs. */
  readonly secret: string;
}

export function makeWorkerBus(): WorkerBus {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-'));
  return { folder, secret: randomBytes(32).toString('base64url') };
}

export function removeWorkerBus({ folder }: WorkerBus): void {
  rmSync(folder, { recursive: true, force: true });
}
