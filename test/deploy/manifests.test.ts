import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/index.js';
import { judgedBy } from '../support/judges.js';
import {
  baseManifests,
  configFiles,
  containerOf,
  deployFolder,
  envOf,
  type Manifest,
  manifestsOf,
  named,
  secretFiles,
} from './manifests.js';

const { schemas, $defs } = JSON.parse(readFileSync(`${deployFolder}schemas/manifests.json`, 'utf8'));
const ajv = new Ajv2020({ strict: false, allowUnionTypes: true });

/** What the schema of its kind says against a manifest. */
function problemsOf(manifest: Manifest): string[] {
  const kind = `${manifest.apiVersion} ${manifest.kind}`;
  if (schemas[kind] === undefined) return [`no schema for ${kind}`];
  const validate = ajv.compile({ ...schemas[kind], $defs });
  validate(manifest);
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) =>
      `${kind} ${manifest.metadata.name}${instancePath}: ${message} ${JSON.stringify(params)}`,
  );
}

const manifests = baseManifests();
const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
const pluginServers = deployments.filter(
  ({ metadata }) => metadata.labels['app.kubernetes.io/component'] === 'plugin-server',
);

describe('the manifests', () => {
  it.each(manifests.map((one) => [`${one.kind} ${one.metadata.name}`, one] as const))(
    '[O4] agree with the schemas of Kubernetes and cert-manager: %s',
    (_, manifest) => {
      expect(problemsOf(manifest)).toEqual([]);
    },
  );

  it('[O4] would not pass with a misspelt field or a value of another type', () => {
    const deployment = structuredClone(named(manifests, 'Deployment', 'redaction'));
    deployment.spec.template.spec.containers[0].readynessProbe = {};
    deployment.spec.replicas = 'two';
    expect(problemsOf(deployment)).toHaveLength(1);
    const certificate = structuredClone(named(manifests, 'Certificate', 'gateway-client'));
    certificate.spec.usages = ['client authentication'];
    expect(problemsOf(certificate)).toHaveLength(1);
  });

  judgedBy('kubectl').each(['kubernetes', 'kubernetes-ca-change'])(
    '[O4] kustomize renders deploy/%s, and what it renders agrees with the schemas',
    (folder) => {
      const rendered = manifestsOf(
        execFileSync('kubectl', ['kustomize', `${deployFolder}${folder}`], { encoding: 'utf8' }),
      );
      expect(rendered.flatMap(problemsOf)).toEqual([]);
      expect(rendered.length).toBeGreaterThan(manifests.length);
    },
  );

  judgedBy('kubectl')('while the CA changes, every pod trusts what the ConfigMap says', () => {
    const rendered = manifestsOf(
      execFileSync('kubectl', ['kustomize', `${deployFolder}kubernetes-ca-change`], { encoding: 'utf8' }),
    );
    for (const { spec } of rendered.filter(({ kind }) => kind === 'Deployment')) {
      const { projected } = spec.template.spec.volumes[1];
      expect(projected.sources).toEqual([
        {
          secret: {
            name: expect.stringMatching(/-(client|server)$/),
            items: [
              { key: 'tls.crt', path: expect.any(String) },
              { key: 'tls.key', path: expect.any(String) },
            ],
          },
        },
        { configMap: { name: 'sallyport-trust', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      ]);
    }
  });
});

describe('the certificates', () => {
  const leaf = (name: string) => named(manifests, 'Certificate', name).spec;

  it('[O4] the gateway is a client towards plugin servers and nothing else', () => {
    expect(leaf('gateway-client')).toMatchObject({
      uris: ['spiffe://sallyport.local/gateway'],
      usages: ['digital signature', 'client auth'],
    });
    expect(leaf('gateway-client').dnsNames).toBeUndefined();
  });

  it('[O4] each plugin server is a server and nothing else, under the names of its Service', () => {
    expect(pluginServers).toHaveLength(2);
    for (const { metadata } of pluginServers) {
      const service = named(manifests, 'Service', metadata.name).metadata.name;
      const { uris, usages, dnsNames } = leaf(`${metadata.name}-server`);
      expect(usages).toEqual(['digital signature', 'server auth']);
      expect(dnsNames).toContain(`${service}.sallyport.svc.cluster.local`);
      expect(dnsNames).toContain(service);
      expect(uris).toHaveLength(1);
    }
  });

  it('[O4] each is renewed in time, with a new key', () => {
    const leaves = manifests.filter(({ kind, spec }) => kind === 'Certificate' && !spec.isCA);
    expect(leaves).toHaveLength(4);
    for (const { spec } of leaves) {
      expect(spec.privateKey.rotationPolicy).toBe('Always');
      expect(Number.parseInt(spec.renewBefore, 10)).toBeGreaterThanOrEqual(
        Number.parseInt(spec.duration, 10) / 3,
      );
    }
  });
});

describe('the pods', () => {
  it.each(deployments.map((one) => [one.metadata.name, one] as const))(
    '[O4] %s is probed on the plain health port, without a certificate',
    (_, deployment) => {
      const container = containerOf(deployment);
      const ports = Object.fromEntries(
        container.ports.map(({ name, containerPort }: Manifest) => [name, containerPort]),
      );
      expect(ports['health']).toBe(ports['mcp'] + 1000);
      for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
        expect(container[probe].httpGet.port).toBe('health');
        expect(container[probe].httpGet.scheme ?? 'HTTP').toBe('HTTP');
      }
    },
  );

  it.each(deployments.map((one) => [one.metadata.name, one] as const))(
    '[O4] %s runs as nobody in particular, on a file system that it cannot write',
    (_, deployment) => {
      const pod = deployment.spec.template.spec;
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod.automountServiceAccountToken).toBe(false);
      expect(containerOf(deployment).securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      for (const mount of containerOf(deployment).volumeMounts) {
        expect(mount).toMatchObject({ readOnly: true });
        // kubelet does not update a file that is mounted by subPath.
        expect(mount.subPath).toBeUndefined();
      }
    },
  );

  it('[O4] only the gateway reaches a plugin port', () => {
    const { spec } = named(manifests, 'NetworkPolicy', 'plugin-servers');
    expect(spec.policyTypes).toEqual(['Ingress', 'Egress']);
    expect(spec.egress).toEqual([]);
    expect(spec.ingress).toEqual([
      {
        from: [{ podSelector: { matchLabels: { 'app.kubernetes.io/component': 'gateway' } } }],
        ports: [{ port: 'mcp', protocol: 'TCP' }],
      },
    ]);
  });
});

describe('the configuration files', () => {
  const configOf = (deployment: Manifest, side: 'server' | 'gateway') => {
    const container = containerOf(deployment);
    const [path = '', text = ''] = Object.entries(configFiles(`${deployment.metadata.name}-config`))[0] ?? [];
    const cwd = container.workingDir;
    return parseConfig(text, {
      path: `config/${path}`,
      cwd,
      env: envOf(container),
      side,
      exists: () => false,
    });
  };
  const mounted = (deployment: Manifest) => secretFiles(deployment).map(({ path }) => posix.normalize(path));

  it.each(pluginServers.map((one) => [one.metadata.name, one] as const))(
    '[O4] %s finds its certificate where the secret is mounted',
    (name, deployment) => {
      const config = configOf(deployment, 'server');
      expect(config.warnings).toEqual([]);
      const { tls, host, port } = config.server;
      expect({ host, port }).toEqual({
        host: '0.0.0.0',
        port: containerOf(deployment).ports[0].containerPort,
      });
      expect(tls?.sslCertReqs).toBe(2);
      expect([tls?.certfile, tls?.keyfile, tls?.caBundle]).toEqual(mounted(deployment));
      const { uris } = named(manifests, 'Certificate', `${name}-server`).spec;
      expect(uris).toEqual([`spiffe://sallyport.local/plugin/${config.plugins[0]?.name}`]);
    },
  );

  it('[O4] the gateway calls each plugin by the name of its Service, with its client certificate', () => {
    const gateway = named(manifests, 'Deployment', 'gateway');
    const { plugins, warnings } = configOf(gateway, 'gateway');
    expect(warnings).toEqual([]);
    const hosts = plugins.map(({ mcp }) => (mcp?.transport === 'http' ? mcp.url.host : undefined));
    expect(hosts.sort()).toEqual(pluginServers.map(({ metadata }) => `${metadata.name}:8000`).sort());
    for (const { mcp } of plugins) {
      const tls = mcp?.transport === 'http' ? mcp.tls : undefined;
      expect(mounted(gateway)).toEqual(expect.arrayContaining([tls?.certfile, tls?.keyfile, tls?.caBundle]));
      expect(tls).toMatchObject({ verify: true, checkHostname: true });
    }
  });
});
