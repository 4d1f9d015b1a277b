import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { configFiles, containerOf, envOf, type Manifest } from '../../deploy/manifests.js';
import { start } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import type { LogLine } from '../../support/plugin-server.js';
import { ways } from '../../support/trust.js';

/** A volume as the kubelet writes it. */
const swap = ways['a swap of ..data'];

/** The data of a secret or a ConfigMap. */
export type Data = Readonly<Record<string, string>>;

interface PodOptions {
  /** By the name of the secret. */
  readonly secrets: Readonly<Record<string, Data>>;
  /** Edits a configuration file: what stands for addresses that only a cluster has. */
  readonly edit?: (text: string) => string;
}

/** A Deployment's pod as a process: its command, variables, files and probes are those of the manifest. */
export interface Pod {
  readonly child: ChildProcess;
  readonly port: number;
  readonly log: readonly LogLine[];
  /** As the kubelet does it once a secret has changed. */
  updateSecret(name: string, data: Data): Promise<void>;
  /** The status of a probe. */
  probe(kind: 'startupProbe' | 'readinessProbe' | 'livenessProbe'): Promise<number>;
  waitForLog(matches: (line: LogLine) => boolean, after?: number): Promise<LogLine>;
  /** SIGTERM, and the exit status. */
  stop(): Promise<number | null>;
}

export async function startPod(deployment: Manifest, options: PodOptions): Promise<Pod> {
  const root = await temporaryFolder();
  const container = containerOf(deployment);
  const inRoot = (path: string) => join(root, path);
  const mounts = new Map<string, { folder: string; items: Manifest[] }>();
  for (const volume of deployment.spec.template.spec.volumes) {
    const { mountPath } = container.volumeMounts.find(({ name }: Manifest) => name === volume.name);
    const folder = inRoot(mountPath);
    await mkdir(folder, { recursive: true });
    if (volume.configMap) {
      const { edit = (text: string) => text } = options;
      const files = Object.entries(configFiles(volume.configMap.name));
      await swap(folder, Object.fromEntries(files.map(([name, text]) => [name, edit(text)])));
    } else {
      const { secretName, items } = volume.secret;
      mounts.set(secretName, { folder, items });
      await swap(folder, project(options.secrets[secretName] ?? {}, items));
    }
  }
  const child = start([...container.args, '--port', '0'], {
    cwd: inRoot(container.workingDir),
    env: envOf(container),
  });
  child.stdout?.resume();
  const log: LogLine[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
    log.push(line.startsWith('{') ? JSON.parse(line) : { level: 0, msg: line });
    for (const check of [...waiting]) check();
  });
  const waitForLog: Pod['waitForLog'] = (matches, after = 0) =>
    new Promise((resolve, reject) => {
      const check = () => {
        const found = log.slice(after).find(matches);
        if (!found) return;
        waiting.delete(check);
        resolve(found);
      };
      waiting.add(check);
      child.once('exit', (status) => reject(new Error(`ended with ${status}: ${JSON.stringify(log)}`)));
      check();
    });
  const { port, healthPort } = (await waitForLog(({ msg }) => msg.startsWith('listening on'))) as unknown as {
    port: number;
    healthPort: number;
  };
  return {
    child,
    port,
    log,
    waitForLog,
    async updateSecret(name, data) {
      const mount = mounts.get(name);
      if (mount) await swap(mount.folder, project(data, mount.items));
    },
    async probe(kind) {
      const { path, port: named } = container[kind].httpGet;
      if (named !== 'health') throw new Error(`${kind} asks port ${named}`);
      return (await fetch(`http://127.0.0.1:${healthPort}${path}`)).status;
    },
    async stop() {
      const exit = once(child, 'exit') as Promise<[number | null]>;
      child.kill('SIGTERM');
      return (await exit)[0];
    },
  };
}

/** What of a secret is shown in a volume, by file name. */
function project(data: Data, items: readonly Manifest[] | undefined): Data {
  if (items === undefined) return data;
  return Object.fromEntries(items.map(({ key, path }) => [path, data[key] ?? '']));
}
