import {
  BoundElsewhere,
  ClockSkewed,
  HealthPortUrl,
  OldTlsAccepted,
  PlainHttpToTls,
  TlsToPlainHttp,
} from '../../errors.js';
import { among, checksOf, fail, ok, skipped } from '../check.js';
import type { EndpointFacts } from '../facts.js';

const server = checksOf('endpoint', 'way');

const dates = [
  'SALLY_CERT_EXPIRED',
  'SALLY_CERT_NOT_YET_VALID',
  'SALLY_CRL_EXPIRED',
  'SALLY_CRL_NOT_YET_VALID',
  'SALLY_TLS_PEER_EXPIRED',
  'SALLY_TLS_PEER_NOT_YET_VALID',
  'SALLY_TLS_CRL',
  'SALLY_TLS_CLIENT_CERT_REFUSED',
  'SALLY_TLS_OUR_CERT_REFUSED',
];

/** More than this many seconds apart is worth a failure: certificates are backdated by minutes. */
const maxSkewSeconds = 60;

const closed = ({ resolveError, connectError }: EndpointFacts) => resolveError ?? connectError;
const notReached = 'it is not reached';

/** The way to a server, up to TLS. */
export const reachabilityChecks = [
  server({
    id: 'clock',
    group: 'clock',
    title: 'both clocks say the same',
    codes: ['SALLY_DOCTOR_CLOCK'],
    guide: ['clock'],
    stage: 'setting',
    explains: dates,
    look({ clock, peer, own }) {
      if (!clock) return [skipped('the server tells no time without a certificate')];
      const seconds = Math.round((clock.theirs.getTime() - clock.here.getTime()) / 1000);
      const keys = [...(own?.keys ?? []), `clock:${peer}`];
      if (Math.abs(seconds) <= maxSkewSeconds) return [ok(`${Math.abs(seconds)} s apart`)];
      return [fail(ClockSkewed({ peer, ...clock }), `${seconds} s apart`, { keys })];
    },
  }),
  server({
    id: 'host-resolves',
    group: 'names and addresses',
    title: 'the host name has an address',
    codes: ['SALLY_CONNECT_HOST'],
    explains: 'everything',
    look: ({ resolveError, addresses, proxy }) => {
      if (proxy !== undefined) return [skipped('the proxy asks for it')];
      return [resolveError ? fail(resolveError) : ok(addresses.join(', '))];
    },
  }),
  server({
    id: 'bound-here',
    group: 'names and addresses',
    title: 'the server is on the address that the URL names',
    codes: ['SALLY_DOCTOR_BOUND_ELSEWHERE'],
    guide: ['bound to the right interface'],
    stage: 'both sides',
    explains: 'everything',
    look({ elsewhere, connectError, ports, addresses: asked, peer, url }) {
      if (elsewhere.length > 0)
        return [fail(BoundElsewhere({ peer, asked, open: elsewhere, port: Number(url.port || 443) }))];
      return [connectError || asked.length === 0 ? skipped(notReached) : ok(states(ports))];
    },
  }),
  server({
    id: 'reachable',
    group: 'reachability and TLS',
    title: 'the port takes connections',
    codes: [
      'SALLY_CONNECT_REFUSED',
      'SALLY_CONNECT_TIMEOUT',
      'SALLY_PROXY_UNREACHABLE',
      'SALLY_PROXY_AUTH',
      'SALLY_PROXY_REFUSED',
    ],
    guide: ['server running: lsof', 'server logs for startup errors'],
    explains: 'everything',
    look({ connectError, resolveError, ports, url, proxy }) {
      if (resolveError) return [skipped('the host name does not resolve')];
      if (proxy !== undefined) return [connectError ? fail(connectError) : ok(`through the proxy ${proxy}`)];
      if (!connectError) return [ok(states(ports))];
      const { code, message } = connectError;
      const port = url.port || '443';
      const remedy = `start the server and read the first lines of its log; on its host: lsof -i :${port} (nothing: it does not run, or on another port); host 127.0.0.1 is for that machine only, 0.0.0.0 for all`;
      return [fail({ code, message, remedy }, states(ports))];
    },
  }),
  server({
    id: 'speaks-tls',
    group: 'reachability and TLS',
    title: 'the port speaks what the URL says',
    codes: [
      'SALLY_DOCTOR_HEALTH_PORT',
      'SALLY_TLS_NOT_TLS',
      'SALLY_TLS_TO_PLAIN_PORT',
      'SALLY_TLS_PLAIN_HTTP',
    ],
    guide: ['server logs for startup errors', 'health server on port + 1000'],
    stage: 'handshake',
    explains: 'all',
    look(facts) {
      const { url, look, plain } = facts;
      if (closed(facts) || !look) return [skipped(notReached)];
      if (url.protocol === 'http:') {
        if (look.kind === 'spoken')
          return [fail(PlainHttpToTls({ peer: 'this side' }), `TLS (${look.protocol})`)];
        // Why it gives no answer is told by the call.
        return [plain ? ok(`HTTP ${plain.status}`) : skipped('it answered nothing')];
      }
      if (look.kind === 'spoken') return [ok(`${look.protocol}, ${look.cipher}`)];
      if (plain && facts.healthOnly && Number(url.port) > 1_000) {
        const mcp = new URL(url);
        mcp.port = String(Number(url.port) - 1_000);
        return [fail(HealthPortUrl({ url: url.href, mcp: mcp.href }), `HTTP ${plain.status} without TLS`)];
      }
      if (plain) return [fail(TlsToPlainHttp({ peer: 'this side' }), `HTTP ${plain.status} without TLS`)];
      return among([look.error], ['SALLY_TLS_NOT_TLS'], ok('TLS'));
    },
  }),
  server({
    id: 'tls-version',
    group: 'reachability and TLS',
    title: 'it speaks TLS 1.2 or 1.3',
    codes: ['SALLY_TLS_PROTOCOL'],
    guide: ['TLS version enforced'],
    explains: 'all',
    look(facts) {
      const { look, oldProtocol } = facts;
      if (!look || facts.url.protocol === 'http:') return [skipped('no TLS was spoken')];
      if (look.kind === 'spoken') return [ok(look.protocol)];
      return among([look.error], ['SALLY_TLS_PROTOCOL'], skipped('no TLS was spoken')).map((finding) =>
        finding.status === 'fail' && oldProtocol ? { ...finding, seen: `${oldProtocol} only` } : finding,
      );
    },
  }),
  server({
    id: 'tls-no-old-version',
    group: 'reachability and TLS',
    title: 'it refuses TLS 1.0 and 1.1',
    codes: ['SALLY_DOCTOR_OLD_TLS'],
    guide: ['TLS version enforced'],
    stage: 'handshake',
    look({ look, oldProtocol, peer }) {
      if (look?.kind !== 'spoken') return [skipped('no TLS was spoken')];
      return [oldProtocol ? fail(OldTlsAccepted({ peer, protocol: oldProtocol })) : ok('it does')];
    },
  }),
  server({
    id: 'tls-cipher',
    group: 'reachability and TLS',
    title: 'there is a cipher suite in common',
    codes: ['SALLY_TLS_CIPHER'],
    explains: 'all',
    look: ({ look, calls }) =>
      look?.kind === 'spoken'
        ? [ok(look.cipher)]
        : among(
            [...(look ? [look.error] : []), ...calls].slice(0, 1),
            ['SALLY_TLS_CIPHER'],
            skipped('no TLS was spoken'),
          ),
  }),
];

function states(ports: EndpointFacts['ports']): string {
  return ports
    .map(({ address, state }) => `${address} ${state.kind === 'closed' ? state.code : state.kind}`)
    .join(', ');
}
