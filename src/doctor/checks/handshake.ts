import { ClientCertNotDemanded, HandshakeTimeout, NoClientCert } from '../../errors.js';
import { among, check, type Finding, fail, ok, type Problem, skipped, warn } from '../check.js';
import type { EndpointFacts } from '../facts.js';
import { named } from './pair.js';

/** What was found wrong, each kind once. */
const problems = ({ shown, calls }: EndpointFacts): readonly Problem[] => [
  ...new Map([...calls, ...shown].reverse().map((one) => [one.code, one])).values(),
];

const shownAny = ({ look }: EndpointFacts) => look?.kind === 'spoken' && look.chain.length > 0;
const unseen = skipped('no certificate was seen');

/** Both halves of the handshake, and who passes. */
export const handshakeChecks = [
  check({
    id: 'server-name',
    group: 'names and addresses',
    title: "the host of the URL is in the server's certificate",
    about: 'endpoint',
    codes: ['SALLY_TLS_HOSTNAME', 'SALLY_TLS_COMMON_NAME'],
    guide: ['host name verification failed', 'host name verification tested'],
    stage: 'handshake',
    look(facts) {
      const { look, url } = facts;
      if (!shownAny(facts) || look?.kind !== 'spoken') return [unseen];
      const names = look.chain[0]?.subjectAltName ?? 'no names';
      const fine = ok(`${url.hostname} (${names})`);
      return among(problems(facts), this.codes, fine, ['SALLY_TLS_COMMON_NAME']).map((finding) =>
        finding.problem && finding.status === 'fail'
          ? fail(named(finding.problem, facts.plugin), names)
          : finding,
      );
    },
  }),
  check({
    id: 'server-in-date',
    group: 'handshake',
    title: "the server's certificate is valid today",
    about: 'endpoint',
    codes: ['SALLY_TLS_PEER_EXPIRED', 'SALLY_TLS_PEER_NOT_YET_VALID'],
    guide: ['certificates have not expired'],
    stage: 'handshake',
    look(facts) {
      const leaf = facts.look?.kind === 'spoken' ? facts.look.chain[0] : undefined;
      return among(problems(facts), this.codes, leaf ? ok(`until ${leaf.validTo}`) : unseen);
    },
  }),
  check({
    id: 'server-purpose',
    group: 'handshake',
    title: "the server's certificate is a server's, and says so",
    about: 'endpoint',
    codes: ['SALLY_TLS_PEER_PURPOSE', 'SALLY_TLS_NO_PURPOSE'],
    stage: 'handshake',
    look(facts) {
      return among(problems(facts), this.codes, shownAny(facts) ? ok('serverAuth') : unseen);
    },
  }),
  check({
    id: 'server-trusted',
    group: 'handshake',
    title: "a CA of our bundle has signed the server's certificate",
    about: 'endpoint',
    codes: ['SALLY_TLS_UNKNOWN_CA', 'SALLY_TLS_PEER_REJECTED'],
    guide: ['CA bundle matches on both sides', 'certificate verification tested'],
    stage: 'handshake',
    look(facts) {
      const leaf = facts.look?.kind === 'spoken' ? facts.look.chain[0] : undefined;
      const fine = !leaf
        ? unseen
        : facts.judged
          ? ok(`issuer ${leaf.issuer.replaceAll('\n', ', ')}`)
          : noBundle;
      return among(problems(facts), this.codes, fine).map((finding) => incomplete(finding, facts));
    },
  }),
  check({
    id: 'server-strength',
    group: 'handshake',
    title: "the server's chain is neither weak nor too long",
    about: 'endpoint',
    codes: ['SALLY_TLS_PEER_WEAK', 'SALLY_TLS_PEER_CHAIN_LENGTH'],
    stage: 'handshake',
    look(facts) {
      return among(problems(facts), this.codes, shownAny(facts) ? ok('it is strong') : unseen);
    },
  }),
  check({
    id: 'server-of-a-ca',
    group: 'handshake',
    title: "a CA has signed the server's certificate",
    about: 'endpoint',
    codes: ['SALLY_TLS_PEER_SELF_SIGNED'],
    stage: 'handshake',
    look(facts) {
      const issuer = facts.look?.kind === 'spoken' ? facts.look.chain[0]?.issuer : undefined;
      const fine = issuer === undefined ? unseen : ok(issuer.replaceAll('\n', ', '));
      return among(problems(facts), this.codes, fine, this.codes);
    },
  }),
  check({
    id: 'server-not-revoked',
    group: 'handshake',
    title: "the server's certificate is not revoked",
    about: 'endpoint',
    codes: ['SALLY_TLS_REVOKED', 'SALLY_TLS_CRL'],
    stage: 'handshake',
    look(facts) {
      const lists = facts.own?.set?.crls.length ?? 0;
      const fine = lists > 0 && shownAny(facts) ? ok('not in our list') : skipped('there is no list');
      return among(problems(facts), this.codes, fine);
    },
  }),
  check({
    id: 'handshake-done',
    group: 'handshake',
    title: 'the handshake comes to its end',
    about: 'endpoint',
    codes: ['SALLY_TLS_HANDSHAKE_TIMEOUT', 'SALLY_TLS_HANDSHAKE'],
    guide: ['debug logs for handshakes'],
    stage: 'handshake',
    explains: 'all',
    look(facts) {
      const { look, calls, plugins, own } = facts;
      if (!look || facts.url.protocol === 'http:') return [skipped('no TLS was spoken')];
      if (plugins) return [ok('it does')];
      // Over TLS 1.2 a server that wants a certificate ends it: with ours to show, the call tells.
      const late = look.kind === 'failed' && HandshakeTimeout.is(look.error);
      const told = look.kind === 'spoken' || (own && !late) ? calls : [look.error];
      return among(told, this.codes, look.kind === 'spoken' ? ok('it does') : skipped('see above'));
    },
  }),
  check({
    id: 'client-certificate-given',
    group: 'handshake',
    title: 'we have the certificate that the server demands',
    about: 'endpoint',
    codes: ['SALLY_TLS_NO_CLIENT_CERT'],
    stage: 'handshake',
    look(facts) {
      if (facts.own?.set?.certificate) return [ok(facts.own.files.certfile ?? '')];
      const found = problems(facts).filter(({ code }) => this.codes.includes(code));
      // Somebody who looks at a URL without credentials knows.
      return found.map((problem) =>
        facts.own ? fail(problem) : skipped('it demands one: give --cert, --key and --ca'),
      );
    },
  }),
  check({
    id: 'client-certificate-accepted',
    group: 'handshake',
    title: 'the server accepts our certificate',
    about: 'endpoint',
    codes: ['SALLY_TLS_CLIENT_CERT_REFUSED', 'SALLY_TLS_OUR_CERT_REFUSED'],
    guide: ['debug logs for handshakes', 'CA bundle matches on both sides'],
    stage: 'handshake',
    look(facts) {
      const { own, plugins, peer } = facts;
      const certificate = own?.set?.certificate;
      if (!certificate) return [skipped('none is shown')];
      const issuer = certificate.issuer.replaceAll('\n', ', ');
      return among(problems(facts), this.codes, plugins ? ok('it does') : skipped('it came to no reply')).map(
        ({ problem, ...finding }) => {
          if (!problem) return finding;
          const remedy = `in the log of ${peer}, look for the line with SALLY_TLS_… of this minute (LOG_LEVEL=DEBUG says more). Our certificate is in date and for clients; it needs there: the CA ${issuer} in ca_bundle, no entry in its crl_file, and a place in allowed_clients. To have that checked: sallyport doctor with its plugin file beside this one`;
          return { ...finding, problem: { code: problem.code, message: problem.message, remedy } };
        },
      );
    },
  }),
  check({
    id: 'client-certificate-demanded',
    group: 'authorisation',
    title: 'the server refuses clients without a certificate',
    about: 'endpoint',
    codes: ['SALLY_DOCTOR_NOT_MUTUAL'],
    guide: ['ssl_cert_reqs 2', 'tested without client certificate'],
    stage: 'handshake',
    look({ look, peer, own }) {
      if (look?.kind === 'failed' && NoClientCert.is(look.error)) return [ok('no handshake without one')];
      if (look?.kind !== 'spoken') return [skipped('no TLS was spoken')];
      if (!look.reply) return [ok('no reply without one')];
      const problem = ClientCertNotDemanded({ peer, seen: `HTTP ${look.reply.status} without one` });
      return [own?.set?.certificate ? fail(problem) : warn(problem)];
    },
  }),
  check({
    id: 'server-identity',
    group: 'authorisation',
    title: "the server's certificate is of the plugin that is meant",
    about: 'endpoint',
    codes: ['SALLY_TLS_WRONG_PLUGIN'],
    stage: 'handshake',
    look(facts) {
      return among(
        problems(facts),
        this.codes,
        facts.plugin && facts.judged && facts.plugins ? ok(facts.plugin) : skipped('not asked'),
      );
    },
  }),
  check({
    id: 'server-pinned',
    group: 'authorisation',
    title: "the server's key is a pinned one",
    about: 'endpoint',
    codes: ['SALLY_TLS_PIN'],
    stage: 'handshake',
    look(facts) {
      return among(
        problems(facts),
        this.codes,
        facts.plugins ? ok('no pin is missed') : skipped('not reached'),
      );
    },
  }),
  check({
    id: 'client-allowed',
    group: 'authorisation',
    title: 'the server lets this client in',
    about: 'endpoint',
    codes: ['SALLY_TLS_CLIENT_NOT_ALLOWED', 'SALLY_TLS_NO_ROLE'],
    stage: 'handshake',
    look(facts) {
      return among(problems(facts), this.codes, facts.plugins ? ok('it does') : skipped('not reached'));
    },
  }),
];

const noBundle = skipped('there is no CA bundle to judge it by: give --ca');

/** A chain that ends below an intermediate CA looks like a foreign one. */
function incomplete(finding: Finding, { look }: EndpointFacts): Finding {
  const chain = look?.kind === 'spoken' ? look.chain : [];
  const last = chain.at(-1);
  if (!finding.problem || last === undefined) return finding;
  const { code, message, remedy } = finding.problem;
  const issuer = last.issuer.replaceAll('\n', ', ');
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
