import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { createServer as createHttp } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { rsaKey } from '../support/certs.js';
import { tcpServer } from '../support/tcp.js';
import { gatewayLeaf, newCa, newCrl, pluginLeaf } from '../support/trust.js';
import { ca, resigned, version1 } from '../tls/made.js';
import { diagnosis, newPlace, type Place, pluginName, serve, writeFiles } from './place.js';

const day = 86_400_000;
const inDays = (from: number, to: number) => ({
  notBefore: new Date(Date.now() + from * day),
  notAfter: new Date(Date.now() + to * day),
});

type Side = 'gateway' | 'server' | 'both';
interface Fault {
  readonly fault: string;
  readonly check: string;
  readonly code: string;
  /** Whose file is looked at; with both, the server runs. Default: the gateway's. */
  readonly side?: Side;
  plant(place: Place): Promise<void> | void;
}

const encrypted = (keyPem: string) =>
  createPrivateKey(keyPem)
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' })
    .toString();

/** Faults that are to be seen in the files. */
const faults: readonly Fault[] = [
  {
    fault: 'the file of the client certificate is not there',
    check: 'files-readable',
    code: 'SALLY_FILE_UNREADABLE',
    plant: (place) => {
      place.client['certfile'] = place.at('nowhere.crt');
    },
  },
  {
    fault: 'a certificate is in DER form',
    check: 'files-pem',
    code: 'SALLY_TLS_NOT_PEM',
    plant: async (place) =>
      place.put('client.crt', new X509Certificate((await gatewayLeaf(place.ca)).certPem).raw),
  },
  {
    fault: 'the key can be read by everybody',
    check: 'key-private',
    code: 'SALLY_TLS_KEY_READABLE',
    side: 'server',
    plant: (place) => chmod(place.at('server.key'), 0o644),
  },
  {
    fault: 'the key is encrypted and no password is given',
    check: 'key-opens',
    code: 'SALLY_TLS_KEY_ENCRYPTED',
    plant: async (place) => {
      const leaf = await gatewayLeaf(place.ca);
      await place.issue('client', { ...leaf, keyPem: encrypted(leaf.keyPem) });
    },
  },
  {
    fault: 'the password of the key is another one',
    check: 'key-opens',
    code: 'SALLY_TLS_KEY_PASSWORD',
    plant: async (place) => {
      const leaf = await gatewayLeaf(place.ca);
      await place.issue('client', { ...leaf, keyPem: encrypted(leaf.keyPem) });
      place.client['keyfile_password'] = 'close sesame';
    },
  },
  {
    fault: 'the key is of another certificate',
    check: 'key-matches',
    code: 'SALLY_TLS_KEY_MISMATCH',
    plant: async (place) => place.put('client.key', (await gatewayLeaf(place.ca)).keyPem, 0o600),
  },
  {
    fault: 'the certificates of a chain stand in the other order',
    check: 'key-matches',
    code: 'SALLY_TLS_KEY_MISMATCH',
    plant: async (place) => {
      const leaf = await gatewayLeaf(place.ca);
      await place.put('client.crt', place.ca.certPem + leaf.certPem);
      await place.put('client.key', leaf.keyPem, 0o600);
    },
  },
  {
    fault: 'the client certificate has expired',
    check: 'cert-in-date',
    code: 'SALLY_CERT_EXPIRED',
    plant: async (place) => place.issue('client', await gatewayLeaf(place.ca, inDays(-20, -1))),
  },
  {
    fault: 'the server certificate is not yet valid',
    check: 'cert-in-date',
    code: 'SALLY_CERT_NOT_YET_VALID',
    side: 'server',
    plant: async (place) => place.issue('server', await pluginLeaf(place.ca, pluginName, inDays(2, 20))),
  },
  {
    fault: 'the gateway has the certificate of a plugin server',
    check: 'cert-purpose',
    code: 'SALLY_TLS_PURPOSE',
    plant: async (place) => place.issue('client', await pluginLeaf(place.ca, pluginName)),
  },
  {
    fault: 'the certificate has no extended key usage',
    check: 'cert-one-purpose',
    code: 'SALLY_TLS_NO_PURPOSE',
    plant: async (place) => place.issue('client', await gatewayLeaf(place.ca, { purposes: [] })),
  },
  {
    fault: 'the CA is an X.509 version 1 certificate',
    check: 'cert-version',
    code: 'SALLY_DOCTOR_X509_V1',
    plant: async (place) => {
      const ca = version1('Old CA');
      await place.put('ca.crt', ca.certPem);
      await place.issue('client', await gatewayLeaf(ca));
    },
  },
  {
    fault: 'ca_bundle has the certificate of the server',
    check: 'ca-is-ca',
    code: 'SALLY_TLS_NOT_A_CA',
    plant: async (place) => place.put('ca.crt', (await pluginLeaf(place.ca, pluginName)).certPem),
  },
  {
    fault: 'the intermediate CA is missing from the chain',
    check: 'cert-chain',
    code: 'SALLY_TLS_CHAIN',
    side: 'server',
    plant: async (place) => place.issue('server', await pluginLeaf(await newCa('Intermediate'), pluginName)),
  },
  {
    fault: "the client certificate is in this side's own revocation list",
    check: 'cert-not-revoked',
    code: 'SALLY_CERT_REVOKED',
    plant: async (place) => {
      const leaf = await gatewayLeaf(place.ca);
      await place.issue('client', leaf);
      await place.put('ca.crl', await newCrl(place.ca, [leaf]));
      place.client['crl_file'] = place.at('ca.crl');
    },
  },
  {
    fault: 'the revocation list has ended',
    check: 'crl-usable',
    code: 'SALLY_CRL_EXPIRED',
    plant: async (place) => {
      await place.put('ca.crl', await newCrl(place.ca, [], -20, -1));
      place.client['crl_file'] = place.at('ca.crl');
    },
  },
  {
    fault: 'the revocation list is of another CA',
    check: 'crl-usable',
    code: 'SALLY_CRL_FOREIGN',
    plant: async (place) => {
      await place.put('ca.crl', await newCrl(await newCa('Another CA')));
      place.client['crl_file'] = place.at('ca.crl');
    },
  },
  {
    fault: 'one of two CAs has no revocation list',
    check: 'crl-usable',
    code: 'SALLY_CRL_MISSING',
    plant: async (place) => {
      await place.put('ca.crt', place.ca.certPem + (await newCa('Another CA')).certPem);
      await place.put('ca.crl', await newCrl(place.ca));
      place.client['crl_file'] = place.at('ca.crl');
    },
  },
  {
    fault: 'the tls block has no keyfile',
    check: 'config-valid',
    code: 'SALLY_CONFIG_TLS_INCOMPLETE',
    side: 'server',
    plant: (place) => {
      delete place.server?.['keyfile'];
    },
  },
  {
    fault: 'a variable overrides the CA bundle of the file',
    check: 'variables-agree',
    code: 'SALLY_DOCTOR_VARIABLE',
    plant: async (place) => {
      await place.put('old-ca.crt', (await newCa('Old CA')).certPem);
      place.env['PLUGINS_CLIENT_MTLS_CA_BUNDLE'] = place.at('old-ca.crt');
    },
  },
  {
    fault: 'a variable turns TLS off',
    check: 'variables-agree',
    code: 'SALLY_DOCTOR_VARIABLE',
    side: 'server',
    plant: (place) => {
      place.env['PLUGINS_SERVER_SSL_ENABLED'] = 'false';
    },
  },
  {
    fault: 'ssl_cert_reqs is 0 where 2 was meant',
    check: 'mutual-tls',
    code: 'SALLY_DOCTOR_NOT_MUTUAL',
    side: 'server',
    plant: (place) => {
      place.server = { ...place.server, ssl_cert_reqs: 0 };
    },
  },
  {
    fault: 'the plain health endpoint is on all addresses',
    check: 'health-local',
    code: 'SALLY_DOCTOR_HEALTH_EXPOSED',
    side: 'server',
    plant: (place) => {
      place.host = '0.0.0.0';
    },
  },
  {
    fault: 'another process has port + 1000',
    check: 'health-answers',
    code: 'SALLY_SERVER_PORT_IN_USE',
    side: 'server',
    plant: (place) =>
      listen(
        tcpServer((socket) => socket.end('hello')),
        place.port + 1_000,
      ),
  },
  {
    fault: 'another process has the port',
    check: 'port-ours',
    code: 'SALLY_SERVER_PORT_IN_USE',
    side: 'server',
    plant: (place) =>
      listen(
        createHttp((_, response) => response.end('hello')),
        place.port,
      ),
  },
  {
    fault: "the server's certificate is of a CA that the gateway does not trust",
    check: 'pair-gateway-trusts',
    code: 'SALLY_TLS_UNKNOWN_CA',
    side: 'both',
    plant: async (place) => {
      const other = await newCa('Another CA');
      await place.issue('server', await pluginLeaf(other, pluginName));
      await place.put('server-ca.crt', place.ca.certPem + other.certPem);
    },
  },
  {
    fault: "the gateway's certificate is of a CA that the server does not trust",
    check: 'pair-server-trusts',
    code: 'SALLY_TLS_UNKNOWN_CA',
    side: 'both',
    plant: async (place) => {
      const other = await newCa('Another CA');
      await place.issue('client', await gatewayLeaf(other));
      await place.put('ca.crt', place.ca.certPem + other.certPem);
    },
  },
  {
    fault: 'the plugin has another name in the file of the server',
    check: 'pair-plugin',
    code: 'SALLY_PLUGIN_NOT_FOUND',
    side: 'both',
    plant: (place) => {
      place.plugin = 'Misnamed';
    },
  },
  {
    fault: 'the URL has another port than the server',
    check: 'pair-port',
    code: 'SALLY_DOCTOR_PORT',
    side: 'both',
    plant: (place) => {
      place.url = `https://localhost:${place.port + 1_000}/mcp`;
    },
  },
  {
    fault: 'this gateway is not among allowed_clients',
    check: 'pair-allowed',
    code: 'SALLY_TLS_CLIENT_NOT_ALLOWED',
    side: 'both',
    plant: (place) => {
      place.server = { ...place.server, allowed_clients: ['CN:another-gateway'] };
    },
  },
  {
    fault: "the server pins another gateway's key",
    check: 'pair-allowed',
    code: 'SALLY_TLS_PIN',
    side: 'both',
    plant: (place) => {
      place.server = { ...place.server, pins: [`sha256/${'A'.repeat(43)}=`] };
    },
  },
  {
    fault: "the gateway is revoked by the server's list",
    check: 'pair-not-revoked',
    code: 'SALLY_TLS_REVOKED',
    side: 'both',
    plant: async (place) => {
      const leaf = await gatewayLeaf(place.ca);
      await place.issue('client', leaf);
      await place.put('ca.crl', await newCrl(place.ca, [leaf]));
      place.server = { ...place.server, crl_file: place.at('ca.crl') };
    },
  },
  {
    fault: 'the own certificate has a short key',
    check: 'cert-strength',
    code: 'SALLY_TLS_WEAK',
    plant: async (place) => place.issue('client', await gatewayLeaf(place.ca, { keyPem: rsaKey(1024) })),
  },
  {
    fault: 'the own certificate is signed over SHA-1',
    check: 'cert-strength',
    code: 'SALLY_TLS_WEAK',
    side: 'server',
    plant: async (place) =>
      place.issue('server', resigned(await pluginLeaf(place.ca, pluginName), place.ca, { hash: 'sha1' })),
  },
  {
    fault: 'the server has its name as CN beside another SAN',
    check: 'pair-server-name',
    code: 'SALLY_TLS_HOSTNAME',
    side: 'both',
    plant: async (place) =>
      place.issue(
        'server',
        await pluginLeaf(place.ca, pluginName, {
          subject: { CN: 'localhost' },
          sans: [{ type: 'ip', value: '192.0.2.1' }],
        }),
      ),
  },
];

function listen(server: { listen: (...a: never[]) => unknown; close: () => unknown }, port: number) {
  onTestFinished(() => void server.close());
  return new Promise<void>((resolve) => void server.listen(...([port, '127.0.0.1', resolve] as never[])));
}

async function look(place: Place, side: Side = 'gateway') {
  const { gateway, server } = await writeFiles(place);
  return diagnosis(place, {
    targets: side === 'both' ? [gateway, server] : [side === 'server' ? server : gateway],
  });
}

/** What works, and deserves a word. */
const oddities: readonly Fault[] = [
  {
    fault: 'a CA of the bundle has a short key',
    check: 'ca-strength',
    code: 'SALLY_TLS_WEAK_CA',
    side: 'server',
    plant: async (place) =>
      place.put('server-ca.crt', place.ca.certPem + (await ca('Old CA', { keyPem: rsaKey(1024) })).certPem),
  },
  {
    fault: 'the server has its name as CN alone',
    check: 'pair-named',
    code: 'SALLY_TLS_COMMON_NAME',
    side: 'both',
    plant: async (place) => {
      place.client = { ...place.client, identity: 'host' };
      await place.issue(
        'server',
        await pluginLeaf(place.ca, pluginName, { subject: { CN: 'localhost' }, sans: [] }),
      );
    },
  },
];

describe('[O2] the doctor warns of what passes in files', () => {
  it.for(oddities)('$fault', async ({ check, code, side, plant }) => {
    const place = await newPlace();
    await plant(place);
    if (side === 'both') await serve(place);
    const { results } = await look(place, side);
    const warned = results.filter(({ id, status }) => id === check && status === 'warn');
    expect(warned).toMatchObject([{ code }]);
  });
});

describe('[O2] the doctor names a fault in files', () => {
  it.for(faults)('$fault', async ({ check, code, side, plant }) => {
    const place = await newPlace();
    await plant(place);
    if (side === 'both') await serve(place);
    const { causes } = await look(place, side);
    expect(causes[0], JSON.stringify(causes, null, 1)).toMatchObject({ id: check, code });
    expect(causes[0]?.remedy).not.toBe('');
  });
});

describe('[O2] a healthy setup', () => {
  it('has no failure, and what was looked at is said', async () => {
    const place = await newPlace();
    await serve(place);
    const { results, counts } = await look(place, 'both');
    expect(results.filter(({ status }) => status === 'fail' || status === 'warn')).toEqual([]);
    expect(counts.ok).toBeGreaterThan(40);
    for (const { looked_at, seen } of results) expect(looked_at.length * seen.length).toBeGreaterThan(0);
  });

  it('does not blame a file for a port that is closed', async () => {
    const place = await newPlace();
    await place.put('old-ca.crt', (await newCa('Old CA')).certPem);
    place.env['PLUGINS_CLIENT_MTLS_CA_BUNDLE'] = place.at('old-ca.crt');
    const { causes } = await look(place);
    expect(causes.map(({ id }) => id)).toContain('reachable');
  });

  it('says which failures follow from another, and does not count them as causes', async () => {
    const place = await newPlace();
    await serve(place);
    await place.put('old-ca.crt', (await newCa('Old CA')).certPem);
    place.env['PLUGINS_CLIENT_MTLS_CA_BUNDLE'] = place.at('old-ca.crt');
    const { results, causes } = await look(place);
    expect(causes.map(({ id }) => id)).toEqual(['variables-agree']);
    expect(results.find(({ id }) => id === 'cert-chain')).toMatchObject({
      status: 'fail',
      follows: 'variables-agree',
    });
  });
});
