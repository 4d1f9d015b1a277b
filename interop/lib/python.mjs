import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cleanEnv, runProgram } from './processes.mjs';

/** Why the matrix cannot run on this machine. */
export class CannotRun extends Error {}

/** Where the virtual environment of a peer is, and whether it is there with the requirements of today. */
export async function lookForPeer(peer, { root, cache }) {
  const folder = join(cache, peer.id);
  const requirements = join(root, 'interop', `requirements-${peer.id}.txt`);
  const wanted = await readFile(requirements, 'utf8');
  const mark = join(folder, '.installed');
  const installed = existsSync(mark) && (await readFile(mark, 'utf8')) === wanted;
  return { folder, python: join(folder, 'bin', 'python'), requirements, wanted, mark, installed };
}

/** Makes the peer's virtual environment, unless it is there with the same requirements. Answers its python. */
export async function preparePeer(peer, place) {
  const { folder, python, requirements, wanted, mark, installed } = await lookForPeer(peer, place);
  if (installed) return python;
  const base = await findPython();
  await rm(folder, { recursive: true, force: true });
  try {
    await runProgram(base, ['-m', 'venv', folder], { env: pipEnv() });
    // Every package is named with its version: nothing is left for pip to choose.
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await runProgram(python, [...install, '-r', requirements], { env: pipEnv() });
  } catch (error) {
    throw new CannotRun(`${peer.title} could not be installed: ${error.message}`);
  }
  await writeFile(mark, wanted);
  return python;
}

/** The newest Python at hand that is new enough. */
export async function findPython() {
  for (const name of ['python3', 'python3.13', 'python3.12', 'python3.11']) {
    const version = await runProgram(name, ['-c', 'import sys; print(*sys.version_info[:2])']).catch(
      () => '',
    );
    const [major, minor] = version.trim().split(' ').map(Number);
    if (major === 3 && minor >= 11) return name;
  }
  throw new CannotRun('no Python 3.11 or newer is on this machine');
}

/** pip's own settings (an index, a proxy, a CA) count. */
function pipEnv() {
  return { ...process.env };
}

/** The environment in which the peer's programs run. */
export function peerEnv(python, root, extra = {}) {
  const bin = join(python, '..');
  return cleanEnv({
    PATH: `${bin}:${process.env['PATH']}`,
    PYTHONPATH: join(root, 'interop', 'peers'),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    ...extra,
  });
}
