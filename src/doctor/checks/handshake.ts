import type { X509Certificate } from 'node:crypto';
import { ClientCertNotDemanded, HandshakeTimeout, NoClientCert } from '../../errors.js';
import { certificateFile, oneLineName } from '../../tls/index.js';
import {
  among,
  checksAmong,
  checksOf,
  type Finding,
  fail,
  ok,
  type Problem,
  skipped,
  warn,
} from '../check.js';
import type { EndpointFacts } from '../facts.js';
import { named } from './pair.js';

const server = checksOf('endpoint', 'handshake');

/** What was found wrong, each kind once. */
const problems = ({ shown, calls }: EndpointFacts): readonly Problem[] => [
  ...new Map([...calls, ...shown].reverse().map((one) => [one.code, one])).values(),
];

const leafOf = ({ look }: EndpointFacts) => (look?.kind === 'spoken' ? look.chain[0] : undefined);
const unseen = skipped('no certificate was seen');

const row = checksAmong('endpoint', 'handshake', problems);
const whenShown = (text: (leaf: X509Certificate) => string) => (facts: EndpointFacts) => {
  const leaf = leafOf(facts);
  return leaf ? ok(text(leaf)) : unseen;
};
const whenIn = (seen: string, otherwise: string) => (facts: EndpointFacts) =>
  facts.plugins ? ok(seen) : skipped(otherwise);

/** Both halves of the handshake, and who passes. */
export const handshakeChecks = [
  server({
    id: 'server-name',
    group: 'names and addresses',
    title: "the host of the URL is in the server's certificate",
    codes: ['SALLY_TLS_HOSTNAME', 'SALLY_TLS_COMMON_NAME'],
    guide: ['host name verification failed', 'host name verification tested'],
    look(facts) {
      const leaf = leafOf(facts);
      if (!leaf) return [unseen];
      const names = leaf.subjectAltName ?? 'no names';
      const fine = ok(`${facts.url.hostname} (${names})`);
      return among(problems(facts), this.codes, fine, ['SALLY_TLS_COMMON_NAME']).map((finding) =>
        finding.problem && finding.status === 'fail'
          ? fail(named(finding.problem, facts.plugin), names)
          : finding,
      );
    },
  }),
  row({
    id: 'server-in-date',
    group: 'handshake',
    title: "the server's certificate is valid today",
    codes: ['SALLY_TLS_PEER_EXPIRED', 'SALLY_TLS_PEER_NOT_YET_VALID'],
    guide: ['certificates have not expired'],
    fine: whenShown(({ validTo }) => `until ${validTo}`),
  }),
  row({
    id: 'server-purpose',
    group: 'handshake',
    title: "the server's certificate is a server's, and says so",
    codes: ['SALLY_TLS_PEER_PURPOSE', 'SALLY_TLS_NO_PURPOSE'],
    fine: whenShown(() => 'serverAuth'),
  }),
  server({
    id: 'server-trusted',
    group: 'handshake',
    title: "a CA of our bundle has signed the server's certificate",
    codes: ['SALLY_TLS_UNKNOWN_CA', 'SALLY_TLS_PEER_REJECTED'],
    guide: ['CA bundle matches on both sides', 'certificate verification tested'],
    look(facts) {
      const leaf = leafOf(facts);
      const fine = !leaf ? unseen : facts.judged ? ok(`issuer ${oneLineName(leaf.issuer)}`) : noBundle;
      return among(problems(facts), this.codes, fine).map((finding) => incomplete(finding, facts));
    },
  }),
  row({
    id: 'server-strength',
    group: 'handshake',
    title: "the server's chain is neither weak nor too long",
    codes: ['SALLY_TLS_PEER_WEAK', 'SALLY_TLS_PEER_CHAIN_LENGTH'],
    fine: whenShown(() => 'it is strong'),
  }),
  row({
    id: 'server-of-a-ca',
    group: 'handshake',
    title: "a CA has signed the server's certificate",
    codes: ['SALLY_TLS_PEER_SELF_SIGNED'],
    mild: ['SALLY_TLS_PEER_SELF_SIGNED'],
    fine: whenShown(({ issuer }) => oneLineName(issuer)),
  }),
  row({
    id: 'server-not-revoked',
    group: 'handshake',
    title: "the server's certificate is not revoked",
    codes: ['SALLY_TLS_REVOKED', 'SALLY_TLS_CRL'],
    fine: (facts) =>
      facts.own?.set?.crls.length && leafOf(facts) ? ok('not in our list') : skipped('there is no list'),
  }),
  server({
    id: 'handshake-done',
    group: 'handshake',
    title: 'the handshake comes to its end',
    codes: ['SALLY_TLS_HANDSHAKE_TIMEOUT', 'SALLY_TLS_HANDSHAKE'],
    guide: ['debug logs for handshakes'],
    explains: 'all',
    look(facts) {
      const { look, calls, plugins, own } = facts;
      if (!look || facts.url.protocol === 'http:') return [skipped('no TLS was spoken')];
      if (plugins) return [ok('it does')];
      // Over TLS 1.2 a server that wants a certificate ends it: with ours to show, the call tells.
      const late = look.kind === 'failed' && HandshakeTimeout.is(look.error);
      const errors = look.kind === 'spoken' || (own && !late) ? calls : [look.error];
      return among(errors, this.codes, look.kind === 'spoken' ? ok('it does') : skipped('see above'));
    },
  }),
  server({
    id: 'client-certificate-given',
    group: 'handshake',
    title: 'we have the certificate that the server demands',
    codes: ['SALLY_TLS_NO_CLIENT_CERT'],
    look(facts) {
      if (facts.own?.set?.certificate) return [ok(certificateFile(facts.own.files) ?? '')];
      const found = problems(facts).filter(({ code }) => this.codes.includes(code));
      // Somebody who looks at a URL without credentials knows.
      return found.map((problem) =>
        facts.own ? fail(problem) : skipped('it demands one: give --cert, --key and --ca'),
      );
    },
  }),
  server({
    id: 'client-certificate-accepted',
    group: 'handshake',
    title: 'the server accepts our certificate',
    codes: ['SALLY_TLS_CLIENT_CERT_REFUSED', 'SALLY_TLS_OUR_CERT_REFUSED'],
    guide: ['debug logs for handshakes', 'CA bundle matches on both sides'],
    look(facts) {
      const { own, plugins, peer } = facts;
      const certificate = own?.set?.certificate;
      if (!certificate) return [skipped('none is shown')];
      const issuer = oneLineName(certificate.issuer);
      return among(problems(facts), this.codes, plugins ? ok('it does') : skipped('it came to no reply')).map(
        ({ problem, ...finding }) => {
          if (!problem) return finding;
          const remedy = `in the log of ${peer}, look for the line with SALLY_TLS_… of this minute (LOG_LEVEL=DEBUG says more). Our certificate is in date and for clients; it needs there: the CA ${issuer} in ca_bundle, no entry in its crl_file, and a place in allowed_clients. To have that checked: sallyport doctor with its plugin file beside this one`;
          return { ...finding, problem: { code: problem.code, message: problem.message, remedy } };
        },
      );
    },
  }),
  server({
    id: 'client-certificate-demanded',
    group: 'authorisation',
    title: 'the server refuses clients without a certificate',
    codes: ['SALLY_DOCTOR_NOT_MUTUAL'],
    guide: ['ssl_cert_reqs 2', 'tested without client certificate'],
    look({ look, peer, own }) {
      if (look?.kind === 'failed' && NoClientCert.is(look.error)) return [ok('no handshake without one')];
      if (look?.kind !== 'spoken') return [skipped('no TLS was spoken')];
      if (!look.reply) return [ok('no reply without one')];
      const problem = ClientCertNotDemanded({ peer, seen: `HTTP ${look.reply.status} without one` });
      return [own?.set?.certificate ? fail(problem) : warn(problem)];
    },
  }),
  row({
    id: 'server-identity',
    group: 'authorisation',
    title: "the server's certificate is of the plugin that is meant",
    codes: ['SALLY_TLS_WRONG_PLUGIN'],
    fine: ({ plugin, judged, plugins }) => (plugin && judged && plugins ? ok(plugin) : skipped('not asked')),
  }),
  row({
    id: 'server-pinned',
    group: 'authorisation',
    title: "the server's key is a pinned one",
    codes: ['SALLY_TLS_PIN'],
    fine: whenIn('no pin is missed', 'not reached'),
  }),
  row({
    id: 'client-allowed',
    group: 'authorisation',
    title: 'the server lets this client in',
    codes: ['SALLY_TLS_CLIENT_NOT_ALLOWED', 'SALLY_TLS_NO_ROLE'],
    fine: whenIn('it does', 'not reached'),
  }),
];

const noBundle = skipped('there is no CA bundle to judge it by: give --ca');

/** A chain that ends below an intermediate CA looks like a foreign one. */
function incomplete(finding: Finding, { look }: EndpointFacts): Finding {
  const chain = look?.kind === 'spoken' ? look.chain : [];
  const last = chain.at(-1);
  if (!finding.problem || last === undefined) return finding;
  const { code, message, remedy } = finding.problem;
  const issuer = oneLineName(last.issuer);
  const what =
    last.issuer === last.subject ? 'self-signed at its end' : `its last certificate is of ${issuer}`;
  const seen = `${chain.length} certificate${chain.length === 1 ? '' : 's'} shown, ${what}`;
  const more = `if ${issuer} is an intermediate CA, the server has to show its certificate too: put it behind the leaf in certfile`;
  return {
    ...finding,
    seen,
    problem: { code, message: `${message} (${seen})`, remedy: `${remedy}; ${more}` },
  };
}
