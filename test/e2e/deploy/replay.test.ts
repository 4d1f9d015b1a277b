import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { createCa, type Issued, issueLeaf, type Purpose, type San } from '../../../src/pki/index.js';
import { baseManifests, named } from '../../deploy/manifests.js';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { patience } from '../../support/patience.js';
import { startEverything } from '../../support/upstreams.js';
import { type Data, type Pod, startPod } from './pod.js';

const manifests = baseManifests();
const leaves = ['gateway-client', 'gateway-server', 'redaction-server', 'wording-server'] as const;
const day = 86_400_000;
const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'] as const;

/** What cert-manager puts into the secret of a Certificate: a new key, the names and usages of the manifest. */
async function issue(name: string, ca: Issued, trusted: readonly Issued[] = [ca]): Promise<Data> {
  const { spec } = named(manifests, 'Certificate', name);
  const purposes: Purpose[] = spec.usages.flatMap((usage: string) =>
    usage === 'client auth' ? ['clientAuth'] : usage === 'server auth' ? ['serverAuth'] : [],
  );
  const of = (type: San['type'], values: readonly string[] = []) => values.map((value) => ({ type, value }));
  const { certPem, keyPem } = await issueLeaf({
    ca,
    subject: { CN: spec.commonName },
    sans: [...of('dns', spec.dnsNames), ...of('uri', spec.uris)],
    purposes,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 90 * day),
  });
  return { 'tls.crt': certPem, 'tls.key': keyPem, 'ca.crt': trusted.map((one) => one.certPem).join('') };
}

const newCa = (CN: string) =>
  createCa({
    subject: { CN },
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 1825 * day),
  });

/** A tool call as a client inside the cluster makes it, on a connection of its own now and then. */
function caller(gateway: Pod, token: string, trusted: readonly Issued[]) {
  const connect = { servername: 'gateway', ca: trusted.map(({ certPem }) => certPem) };
  let agent = new Agent({ connect });
  onTestFinished(() => agent.destroy());
  let calls = 0;
  return async (): Promise<string> => {
    calls += 1;
    if (calls % 25 === 0) {
      void agent.close();
      agent = new Agent({ connect });
    }
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const message = 'what a crap day, bearer abcdefghijklmnop1234';
    const { statusCode, body } = await request(`https://127.0.0.1:${gateway.port}/mcp`, {
      dispatcher: agent,
      method: 'POST',
      headers: {
        host: 'gateway:4444',
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
        'mcp-name': 'echo',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: calls,
        method: 'tools/call',
        params: { name: 'echo', arguments: { message }, _meta: meta },
      }),
    });
    const text = await body.text();
    if (statusCode !== 200) return `${statusCode} ${text}`;
    const reply = JSON.parse(text);
    return reply.result?.content?.[0]?.text ?? text;
  };
}

const answer = 'Echo: what a crud day, bearer [removed]';

/** Calls without pause, several at once, until it is stopped. */
function load(call: () => Promise<string>) {
  let going = true;
  let done = 0;
  const wrong: string[] = [];
  const loops = Array.from({ length: 4 }, async () => {
    while (going) {
      const text = await call().catch((error: unknown) => String(error));
      if (text === answer) done += 1;
      else wrong.push(text);
    }
  });
  return {
    done: () => done,
    async stop() {
      going = false;
      await Promise.all(loops);
      return { done, wrong };
    },
  };
}

it('[O4] the pods as processes: every secret is renewed and the CA changed under load, and no call fails', {
  timeout: patience(180_000),
}, async () => {
  const [old, next] = [await newCa('Sallyport plugin CA'), await newCa('Sallyport plugin CA 2')];
  const upstream = await startEverything();
  const folder = await temporaryFolder();
  const made = await sallyport(['token', 'create', '--file', 'tokens.json', '--user', 'ada'], {
    cwd: folder,
  });
  expect(made).toMatchObject({ status: 0 });
  const token = made.stdout.trim();
  const tokens = { 'tokens.json': await readFile(join(folder, 'tokens.json'), 'utf8') };
  const secrets: Record<string, Data> = { 'gateway-tokens': tokens };
  for (const name of leaves) secrets[name] = await issue(name, old);

  const pluginPods: Record<string, Pod> = {};
  for (const name of ['redaction', 'wording']) {
    pluginPods[name] = await startPod(named(manifests, 'Deployment', name), { secrets });
  }
  // The names of Services mean nothing here: each becomes a port of this machine, verified under its own name.
  const edit = (text: string) =>
    text
      .replaceAll(
        /mcp: \{proto: STREAMABLEHTTP, url: https:\/\/(\w+):8000\/mcp\}/g,
        (_, name: string) =>
          `mcp: {url: "https://localhost:${pluginPods[name]?.port}/mcp", tls: {server_name: ${name}}}`,
      )
      .replace('http://search.tools.svc.cluster.local:3000/mcp', upstream.url);
  const gateway = await startPod(named(manifests, 'Deployment', 'gateway'), { secrets, edit });
  const pods: Pod[] = [...Object.values(pluginPods), gateway];
  const call = caller(gateway, token, [old, next]);
  await expect.poll(call, { timeout: patience(20_000) }).toBe(answer);
  for (const pod of pods) for (const kind of probes) expect(await pod.probe(kind)).toBe(200);

  const running = load(call);
  /** Has the kubelet bring every secret into every pod, one after another, and waits until it is in use. */
  const roll = async (files: (name: string) => Promise<Data>) => {
    for (const name of leaves) {
      const data = await files(name);
      secrets[name] = data;
      for (const pod of pods.filter((one) => uses(one, name))) {
        const before = pod.log.length;
        await pod.updateSecret(name, data);
        await pod.waitForLog(({ msg }) => msg === 'new certificates are in use', before);
      }
      const at = running.done();
      await expect.poll(() => running.done() > at + 5, { timeout: patience(20_000) }).toBe(true);
    }
  };
  const uses = (pod: Pod, name: string) =>
    name.startsWith('gateway') ? pod === gateway : pod === pluginPods[name.replace('-server', '')];
  const withTrust = (trusted: readonly Issued[]) => async (name: string) => ({
    ...(secrets[name] as Data),
    'ca.crt': trusted.map(({ certPem }) => certPem).join(''),
  });

  await roll((name) => issue(name, old));
  await roll(withTrust([old, next]));
  await roll((name) => issue(name, next, [old, next]));
  await roll(withTrust([next]));
  for (const pod of pods) for (const kind of probes) expect(await pod.probe(kind)).toBe(200);

  const { done, wrong } = await running.stop();
  // biome-ignore lint/suspicious/noConsole: the counts are what this test is about
  console.log(
    `${done} calls through the gateway and both plugins over 16 changes of mounted files, ${wrong.length} failed`,
  );
  expect(wrong).toEqual([]);
  for (const pod of pods.reverse()) expect(await pod.stop()).toBe(0);
});
