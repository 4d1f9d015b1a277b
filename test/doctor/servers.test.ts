import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { TlsOptions } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Issued, LeafRequest } from '../../src/pki/index.js';
import { rsaKey } from '../support/certs.js';
import { tcpServer } from '../support/tcp.js';
import { gatewayLeaf, newCa, newCrl, pluginLeaf } from '../support/trust.js';
import { resigned } from '../tls/made.js';
import { diagnosis, newPlace, type Place, pluginName, serve, writeFiles } from './place.js';

const day = 86_400_000;
const inDays = (from: number, to: number) => ({
  notBefore: new Date(Date.now() + from * day),
  notAfter: new Date(Date.now() + to * day),
});

interface Fault {
  readonly fault: string;
  readonly check: string;
  readonly code: string;
  /** What the remedy has to name. */
  readonly remedy?: RegExp;
  plant(place: Place): Promise<void> | void;
}

type Listening = { listen(port: number, host: string, done: () => void): unknown; close(): unknown };

function listen(place: Place, server: Listening, host = '127.0.0.1'): Promise<void> {
  onTestFinished(() => void server.close());
  return new Promise((resolve) => void server.listen(place.port, host, resolve));
}

/** A TLS server of another make, with that certificate. */
function otherServer(place: Place, { certPem, keyPem }: Issued, more: TlsOptions = {}): Promise<void> {
  const server = createHttps(
    { cert: certPem, key: keyPem, ca: place.ca.certPem, requestCert: true, ...more },
    (_, response) => response.writeHead(404).end('no'),
  );
  server.on('tlsClientError', () => {});
  return listen(place, server);
}

const withLeaf = async (place: Place, more: Partial<LeafRequest>) =>
  otherServer(place, await pluginLeaf(place.ca, pluginName, more));

const lax = { ciphers: 'DEFAULT@SECLEVEL=0' } as const;
const old = { minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;

/** Faults that only the servers show: the gateway's file alone is looked at. */
const faults: readonly Fault[] = [
  {
    fault: 'the server is down',
    check: 'reachable',
    code: 'SALLY_CONNECT_REFUSED',
    remedy: /lsof -i :\d+/,
    plant: () => {},
  },
  {
    fault: 'the server is bound to another address',
    check: 'bound-here',
    code: 'SALLY_DOCTOR_BOUND_ELSEWHERE',
    remedy: /PLUGINS_SERVER_HOST/,
    plant: async (place) => {
      await serve(place);
      place.url = `https://127.0.0.2:${place.port}/mcp`;
    },
  },
  {
    fault: 'the host name does not resolve',
    check: 'host-resolves',
    code: 'SALLY_CONNECT_HOST',
    plant: (place) => {
      place.url = `https://nowhere.invalid:${place.port}/mcp`;
    },
  },
  {
    fault: 'the server shows a certificate with a short key',
    check: 'server-strength',
    code: 'SALLY_TLS_PEER_WEAK',
    remedy: /2048/,
    plant: async (place) =>
      otherServer(place, await pluginLeaf(place.ca, pluginName, { keyPem: rsaKey(1024) }), lax),
  },
  {
    fault: 'the server shows a certificate with a serial number of zero',
    check: 'server-strength',
    code: 'SALLY_TLS_PEER_WEAK',
    plant: async (place) =>
      otherServer(
        place,
        resigned(await pluginLeaf(place.ca, pluginName), place.ca, { serial: Buffer.from([0]) }),
      ),
  },
  {
    fault: 'the URL has an IP address that is not in the certificate',
    check: 'server-name',
    code: 'SALLY_TLS_HOSTNAME',
    remedy: /localhost[\s\S]*MCP_CERT_SANS=IP:127\.0\.0\.1[\s\S]*check_hostname: false/,
    plant: async (place) => {
      await serve(place);
      place.url = `https://127.0.0.1:${place.port}/mcp`;
    },
  },
  {
    fault: 'the certificate has other host names',
    check: 'server-name',
    code: 'SALLY_TLS_HOSTNAME',
    plant: async (place) => {
      const sans = [{ type: 'dns', value: 'elsewhere.example' }] as const;
      await place.issue('server', await pluginLeaf(place.ca, pluginName, { sans }));
      await serve(place);
    },
  },
  {
    fault: 'TLS is spoken to a plain port',
    check: 'speaks-tls',
    code: 'SALLY_TLS_TO_PLAIN_PORT',
    plant: async (place) => {
      const { server } = place;
      place.server = null;
      await serve(place);
      place.server = server;
    },
  },
  {
    fault: 'plain HTTP is spoken to a TLS port',
    check: 'speaks-tls',
    code: 'SALLY_TLS_PLAIN_HTTP',
    remedy: /https:/,
    plant: async (place) => {
      await serve(place);
      place.url = `http://127.0.0.1:${place.port}/mcp`;
    },
  },
  {
    fault: 'the port is of something else altogether',
    check: 'speaks-tls',
    code: 'SALLY_TLS_NOT_TLS',
    plant: (place) =>
      listen(
        place,
        tcpServer((socket) => socket.end('220 mail\r\n')),
      ),
  },
  {
    fault: 'the URL has the plain health port',
    check: 'speaks-tls',
    code: 'SALLY_DOCTOR_HEALTH_PORT',
    remedy: /^write the port of MCP: https:\/\/localhost:\d+\/mcp$/,
    plant: async (place) => {
      await serve(place);
      place.url = `https://localhost:${place.port + 1_000}/mcp`;
    },
  },
  {
    fault: 'the server takes connections and says nothing',
    check: 'handshake-done',
    code: 'SALLY_TLS_HANDSHAKE_TIMEOUT',
    plant: (place) =>
      listen(
        place,
        tcpServer((socket) => socket.resume()),
      ),
  },
  {
    fault: 'the peer speaks TLS 1.1 only',
    check: 'tls-version',
    code: 'SALLY_TLS_PROTOCOL',
    plant: async (place) => otherServer(place, await rsaLeaf(place), { ...old, maxVersion: 'TLSv1.1' }),
  },
  {
    fault: 'the server takes TLS 1.1 beside newer versions',
    check: 'tls-no-old-version',
    code: 'SALLY_DOCTOR_OLD_TLS',
    remedy: /-tls1_1/,
    plant: async (place) => otherServer(place, await rsaLeaf(place), old),
  },
  {
    fault: 'there is no cipher suite in common',
    check: 'tls-cipher',
    code: 'SALLY_TLS_CIPHER',
    plant: async (place) =>
      otherServer(place, await rsaLeaf(place), { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:@SECLEVEL=0' }),
  },
  {
    fault: "the server's certificate has expired",
    check: 'server-in-date',
    code: 'SALLY_TLS_PEER_EXPIRED',
    plant: (place) => withLeaf(place, inDays(-20, -1)),
  },
  {
    fault: "the server's certificate is not yet valid",
    check: 'server-in-date',
    code: 'SALLY_TLS_PEER_NOT_YET_VALID',
    plant: (place) => withLeaf(place, inDays(2, 20)),
  },
  {
    fault: "the server shows a client's certificate",
    check: 'server-purpose',
    code: 'SALLY_TLS_PEER_PURPOSE',
    plant: (place) => withLeaf(place, { purposes: ['clientAuth'] }),
  },
  {
    fault: "the server's certificate has no extended key usage",
    check: 'server-purpose',
    code: 'SALLY_TLS_NO_PURPOSE',
    plant: async (place) => {
      await place.issue('server', await pluginLeaf(place.ca, pluginName, { purposes: [] }));
      await serve(place);
    },
  },
  {
    fault: "the server's certificate is of another CA",
    check: 'server-trusted',
    code: 'SALLY_TLS_UNKNOWN_CA',
    plant: async (place) => otherServer(place, await pluginLeaf(await newCa('Another CA'), pluginName)),
  },
  {
    fault: 'the server does not show its intermediate CA',
    check: 'server-trusted',
    code: 'SALLY_TLS_UNKNOWN_CA',
    remedy: /CN=Intermediate is an intermediate CA, the server has to show/,
    plant: async (place) => otherServer(place, await pluginLeaf(await newCa('Intermediate'), pluginName)),
  },
  {
    fault: 'the server is revoked',
    check: 'server-not-revoked',
    code: 'SALLY_TLS_REVOKED',
    plant: async (place) => {
      const leaf = await pluginLeaf(place.ca, pluginName);
      await place.issue('server', leaf);
      await serve(place);
      await place.put('ca.crl', await newCrl(place.ca, [leaf]));
      place.client['crl_file'] = place.at('ca.crl');
    },
  },
  {
    fault: 'the server has another key than the pinned one',
    check: 'server-pinned',
    code: 'SALLY_TLS_PIN',
    plant: async (place) => {
      await serve(place);
      place.client['pins'] = [`sha256/${'A'.repeat(43)}=`];
    },
  },
  {
    fault: 'the server is of another plugin',
    check: 'server-identity',
    code: 'SALLY_TLS_WRONG_PLUGIN',
    plant: async (place) => {
      await place.issue('server', await pluginLeaf(place.ca, 'AnotherPlugin'));
      await serve(place);
    },
  },
  {
    fault: 'the name of the plugin is misspelt',
    check: 'server-identity',
    code: 'SALLY_TLS_WRONG_PLUGIN',
    remedy: /did you mean ReplaceBadWordsPlugin\?/,
    plant: async (place) => {
      await serve(place);
      place.plugin = 'ReplaceBadWordPlugin';
    },
  },
  {
    fault: 'the gateway has no certificate, and one is demanded',
    check: 'client-certificate-given',
    code: 'SALLY_TLS_NO_CLIENT_CERT',
    plant: async (place) => {
      await serve(place);
      place.client = { ca_bundle: place.at('ca.crt') };
    },
  },
  {
    fault: "the server does not trust our certificate's CA",
    check: 'client-certificate-accepted',
    code: 'SALLY_TLS_CLIENT_CERT_REFUSED',
    remedy: /SALLY_TLS_[\s\S]*CN=Gateway CA/,
    plant: async (place) => {
      await serve(place);
      const other = await newCa('Gateway CA');
      await place.issue('client', await gatewayLeaf(other));
      await place.put('ca.crt', place.ca.certPem + other.certPem);
    },
  },
  {
    fault: 'the server allows other clients only',
    check: 'client-certificate-accepted',
    code: 'SALLY_TLS_CLIENT_CERT_REFUSED',
    remedy: /allowed_clients/,
    plant: async (place) => {
      place.server = { ...place.server, allowed_clients: ['CN:another-gateway'] };
      await serve(place);
    },
  },
  {
    fault: 'the running server has ssl_cert_reqs 0',
    check: 'client-certificate-demanded',
    code: 'SALLY_DOCTOR_NOT_MUTUAL',
    remedy: /ssl_cert_reqs: 2/,
    plant: (place) => {
      place.server = { ...place.server, ssl_cert_reqs: 0 };
      return serve(place);
    },
  },
  {
    fault: 'the URL has the wrong path',
    check: 'mcp-path',
    code: 'SALLY_WIRE_HTTP_STATUS',
    remedy: /https:\/\/localhost:\d+\/mcp$/,
    plant: async (place) => {
      await serve(place);
      place.url = place.url.replace('/mcp', '/mpc');
    },
  },
  {
    fault: 'the server has no plugin of that name',
    check: 'plugin-known',
    code: 'SALLY_PLUGIN_NOT_FOUND',
    remedy: /ReplaceBadWordsPlugin/,
    plant: async (place) => {
      await serve(place);
      place.plugin = 'ReplaceWords';
      place.client['identity'] = 'host';
    },
  },
  {
    fault: 'there is no MCP behind it',
    check: 'mcp-answers',
    code: 'SALLY_WIRE_REPLY',
    plant: async (place) => {
      place.url = place.url.replace('https', 'http').replace('localhost', '127.0.0.1');
      await listen(
        place,
        createHttp((_, response) => response.setHeader('Content-Type', 'application/json').end('{}')),
      );
    },
  },
  {
    fault: 'the clocks are two hours apart',
    check: 'clock',
    code: 'SALLY_DOCTOR_CLOCK',
    remedy: /date -u/,
    plant: async (place) => {
      await serve(place);
      place.now = () => new Date(Date.now() - 7_200_000);
    },
  },
  {
    fault: 'a skewed clock makes certificates look not yet valid',
    check: 'clock',
    code: 'SALLY_DOCTOR_CLOCK',
    plant: async (place) => {
      await place.issue('client', await gatewayLeaf(place.ca, inDays(-0.01, 20)));
      await serve(place);
      place.now = () => new Date(Date.now() - 7_200_000);
    },
  },
];

/** RSA, as TLS 1.1 and static key exchange have it. */
const rsaLeaf = (place: Place) => pluginLeaf(place.ca, pluginName, { keyPem: rsaKey(2048) });

describe('[O2] the doctor names the fault of a server', () => {
  it.for(faults)('$fault', async ({ check, code, remedy = /./, plant }) => {
    const place = await newPlace();
    await plant(place);
    const { gateway } = await writeFiles(place);
    const { causes } = await diagnosis(place, { targets: [gateway] });
    expect(causes[0], JSON.stringify(causes, null, 1)).toMatchObject({ id: check, code });
    expect(causes[0]?.remedy).toMatch(remedy);
  });
});
