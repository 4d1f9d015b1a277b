import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

export const deployFolder = fileURLToPath(new URL('../../deploy/', import.meta.url));
const base = join(deployFolder, 'kubernetes');

/** One Kubernetes object, as far as tests look at it. */
// biome-ignore lint/suspicious/noExplicitAny: its shape is what the schemas check
export type Manifest = any;

/** The objects of a YAML text. Kubernetes reads YAML 1.1: `0440` is an octal number. */
export function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text, { version: '1.1' }).map((document) => document.toJS());
}

/** What `kubectl apply -k deploy/kubernetes` is about, but for the ConfigMaps that kustomize makes of `config/`. */
export function baseManifests(): Manifest[] {
  const { resources } = parse(readFileSync(join(base, 'kustomization.yaml'), 'utf8'));
  return resources.flatMap((file: string) => manifestsOf(readFileSync(join(base, file), 'utf8')));
}

/** The file that a ConfigMap of `kustomization.yaml` holds, by the name that it has in the container. */
export function configFiles(configMap: string): Record<string, string> {
  const { configMapGenerator } = parse(readFileSync(join(base, 'kustomization.yaml'), 'utf8'));
  const made = configMapGenerator.find(({ name }: Manifest) => name === configMap);
  return Object.fromEntries(
    made.files.map((entry: string) => {
      const [name = '', file = ''] = entry.split('=');
      return [name, readFileSync(join(base, file), 'utf8')];
    }),
  );
}

export function named(manifests: readonly Manifest[], kind: string, name: string): Manifest {
  const found = manifests.find((one) => one.kind === kind && one.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

/** The one container of a Deployment. */
export function containerOf(deployment: Manifest): Manifest {
  return deployment.spec.template.spec.containers[0];
}

/** The variables of a container. */
export function envOf(container: Manifest): Record<string, string> {
  return Object.fromEntries(container.env.map(({ name, value }: Manifest) => [name, value]));
}

/** The files of a Deployment's secrets, by the path that they have in the container. */
export function secretFiles(deployment: Manifest): { path: string; secret: string; key: string }[] {
  const container = containerOf(deployment);
  return deployment.spec.template.spec.volumes
    .filter((volume: Manifest) => volume.secret?.items)
    .flatMap((volume: Manifest) => {
      const mount = container.volumeMounts.find(({ name }: Manifest) => name === volume.name);
      return volume.secret.items.map(({ key, path }: Manifest) => ({
        path: `${mount.mountPath}/${path}`,
        secret: volume.secret.secretName,
        key,
      }));
    });
}
