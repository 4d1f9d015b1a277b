import { lstat, mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { ConsoleFolder } from '../errors.js';

type Env = Readonly<Record<string, string | undefined>>;

/** Where the consoles of this user are found: a folder that nobody else may enter. */
export function runtimeFolder(env: Env): string {
  const own = env['XDG_RUNTIME_DIR'];
  if (own && isAbsolute(own)) return join(own, 'sallyport');
  return join(tmpdir(), `sallyport-${process.getuid?.() ?? 'user'}`);
}

/** The socket of the console on this port. */
export const socketOf = (folder: string, port: number): string => join(folder, `console-${port}.sock`);

/** Makes the folder, or finds it as it has to be. @throws SALLY_CONSOLE_FOLDER where others could have a hand in it. */
export async function ownFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700, recursive: true }).catch(() => {});
  const found = await lstat(folder).catch(() => undefined);
  const uid = process.getuid?.();
  const problem =
    found === undefined
      ? 'it cannot be made'
      : !found.isDirectory()
        ? 'it is no folder'
        : uid !== undefined && found.uid !== uid
          ? 'it belongs to another user'
          : (found.mode & 0o077) !== 0 && process.platform !== 'win32'
            ? 'other users may enter it'
            : undefined;
  if (problem !== undefined) throw ConsoleFolder({ folder, problem });
}

/** The ports of the consoles that are found in the folder; whether they answer shows when they are asked. */
export async function portsIn(folder: string): Promise<readonly number[]> {
  const names = await readdir(folder).catch(() => [] as string[]);
  return names.flatMap((name) => {
    const [, port] = /^console-(\d{1,5})\.sock$/.exec(name) ?? [];
    return port === undefined ? [] : [Number(port)];
  });
}
