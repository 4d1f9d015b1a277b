import { isLoopback } from '../../config/index.js';
import { PluginNotFound, PortDiffers } from '../../errors.js';
import { checksAmong, checksOf, fail, ok, type Problem, skipped, warn } from '../check.js';
import type { PairFacts } from '../facts.js';

const pair = checksOf('pair', 'both sides');

const unknownCa = [
  'SALLY_TLS_UNKNOWN_CA',
  'SALLY_TLS_PEER_EXPIRED',
  'SALLY_TLS_PEER_NOT_YET_VALID',
  'SALLY_TLS_CRL',
];
const tooWeak = ['SALLY_TLS_PEER_WEAK', 'SALLY_TLS_PEER_CHAIN_LENGTH'];
const makeshift = ['SALLY_TLS_COMMON_NAME', 'SALLY_TLS_PEER_SELF_SIGNED'];
const saidBy = ({ saidHere, saidThere }: PairFacts): readonly Problem[] =>
  [saidHere, saidThere].filter((said) => said !== undefined);
const row = checksAmong('pair', 'both sides', saidBy);
const both = ({ bundles }: PairFacts) =>
  `gateway: ${bundles.client.join('; ') || 'none'}; server: ${bundles.server.join('; ') || 'none'}`;

/** Whether one end takes the other's certificate, by what it would say of it. */
const trusts = (end: string, title: string, said: 'saidHere' | 'saidThere') =>
  pair({
    id: `pair-${end}-trusts`,
    group: 'CA and bundles',
    title,
    codes: unknownCa,
    guide: ['CA bundle matches on both sides'],
    explains: 'all',
    look: (facts) => {
      const problem = facts[said];
      return [problem && unknownCa.includes(problem.code) ? fail(problem) : ok(both(facts))];
    },
  });

/** What the files of both ends say of each other, where both are here. */
export const pairChecks = [
  pair({
    id: 'pair-plugin',
    stage: 'setting',
    group: 'names and addresses',
    title: "the plugin has the same name in the server's file",
    codes: ['SALLY_PLUGIN_NOT_FOUND'],
    explains: 'all',
    look({ plugin, serverFile: where, serverHas: has }) {
      const found = has.some((name) => name.toLowerCase() === plugin.toLowerCase());
      return [found ? ok(plugin) : fail(PluginNotFound({ plugin, where, has }))];
    },
  }),
  pair({
    id: 'pair-port',
    group: 'names and addresses',
    title: 'the URL has the port of the plugin server',
    codes: ['SALLY_DOCTOR_PORT'],
    explains: 'everything',
    look({ url, plugin, serverFile: file, serverPort: port }) {
      const asked = Number(url.port || 443);
      if (!isLoopback(url.hostname)) return [skipped('the server is elsewhere: ports may be mapped')];
      if (asked === port) return [ok(String(port))];
      const health = asked === port + 1_000;
      return [fail(PortDiffers({ url: url.href, plugin, file, port, health }), `${asked}, not ${port}`)];
    },
  }),
  pair({
    id: 'pair-server-name',
    group: 'names and addresses',
    title: "the host of the URL is in the server's certificate",
    codes: ['SALLY_TLS_HOSTNAME'],
    guide: ['host name verification failed'],
    explains: 'all',
    look({ saidHere, url, plugin }) {
      return [saidHere?.code === 'SALLY_TLS_HOSTNAME' ? fail(named(saidHere, plugin)) : ok(url.hostname)];
    },
  }),
  trusts('gateway', "the gateway's bundle has the CA of the server's certificate", 'saidHere'),
  trusts('server', "the server's bundle has the CA of the gateway's certificate", 'saidThere'),
  row({
    id: 'pair-strength',
    group: 'handshake',
    title: 'neither end has a chain that is weak or too long',
    codes: tooWeak,
    explains: 'all',
    fine: () => ok('neither has'),
  }),
  row({
    id: 'pair-named',
    group: 'handshake',
    title: 'both ends have a certificate of a CA, with their names in it',
    codes: makeshift,
    mild: makeshift,
    fine: () => ok('they have'),
  }),
  row({
    id: 'pair-not-revoked',
    group: 'handshake',
    title: 'neither end is revoked by the list of the other',
    codes: ['SALLY_TLS_REVOKED'],
    explains: 'all',
    fine: () => ok('neither is'),
  }),
  pair({
    id: 'pair-mutual',
    group: 'authorisation',
    title: 'the server demands the certificate, and the gateway has one',
    codes: ['SALLY_DOCTOR_NOT_MUTUAL', 'SALLY_TLS_NO_CLIENT_CERT'],
    guide: ['ssl_cert_reqs 2'],
    explains: 'all',
    look: ({ saidThere }) => [
      saidThere && ['SALLY_DOCTOR_NOT_MUTUAL', 'SALLY_TLS_NO_CLIENT_CERT'].includes(saidThere.code)
        ? fail(saidThere)
        : ok('it does'),
    ],
  }),
  pair({
    id: 'pair-allowed',
    group: 'authorisation',
    title: 'the server lets this gateway in',
    codes: ['SALLY_TLS_CLIENT_NOT_ALLOWED', 'SALLY_TLS_NO_ROLE', 'SALLY_TLS_PIN'],
    explains: 'all',
    look({ saidThere }) {
      if (saidThere?.code === 'SALLY_TLS_NO_ROLE') return [warn(saidThere)];
      const refused = ['SALLY_TLS_CLIENT_NOT_ALLOWED', 'SALLY_TLS_PIN'].includes(saidThere?.code ?? '');
      return [saidThere && refused ? fail(saidThere) : ok('it does')];
    },
  }),
  pair({
    id: 'pair-identity',
    group: 'authorisation',
    title: "the server's certificate is of this plugin, and has a pinned key",
    codes: ['SALLY_TLS_WRONG_PLUGIN', 'SALLY_TLS_PIN'],
    explains: 'all',
    look: ({ saidHere, plugin }) => [
      saidHere && ['SALLY_TLS_WRONG_PLUGIN', 'SALLY_TLS_PIN'].includes(saidHere.code)
        ? fail(saidHere)
        : ok(plugin),
    ],
  }),
];

/** The three solutions that the guide has for a name that is not in the certificate. */
export function named(problem: Problem, plugin = '…'): Problem {
  const host = /not valid for '([^']*)'/.exec(problem.message)?.[1] ?? '';
  const names = [...problem.message.matchAll(/DNS:([\w.*-]+)/g)].map(([, name = '']) => name);
  const known = names.includes('localhost') ? 'localhost' : (names[0] ?? 'one that it holds');
  const san = `${/^[\d.]+$|:/.test(host) ? 'IP' : 'DNS'}:${host}`;
  const remedy = [
    `1. use a name of the certificate in the URL (${known}), or set mcp.tls.server_name: ${known}`,
    `2. or have the certificate issued again with the name: delete the plugin's folder, then MCP_CERT_SANS=${san} sallyport certs plugin ${plugin}`,
    '3. or, for a local test only: check_hostname: false, or PLUGINS_CLIENT_MTLS_CHECK_HOSTNAME=false',
  ].join('\n');
  return { code: problem.code, message: problem.message, remedy };
}
