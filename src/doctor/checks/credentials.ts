import { CertVersion1 } from '../../errors.js';
import { partsOf } from '../../pki/der.js';
import { certificateFile, oneLineName, pathsOf } from '../../tls/index.js';
import { checksAmong, checksOf, type Finding, fail, ok, skipped } from '../check.js';
import type { CredentialFacts } from '../facts.js';

const loaded = checksOf('credentials', 'file');

/** A check of what loading the files came to. */
const row = checksAmong('credentials', 'file', ({ problems }: CredentialFacts) => problems);

const unseen = ({ set, problems }: CredentialFacts): Finding =>
  skipped(set ? 'there is none' : `not reached: ${problems[0]?.code ?? 'they do not load'}`);

const named = (facts: CredentialFacts) => {
  const paths = pathsOf(facts.files);
  return paths.length === 0 ? unseen(facts) : ok(paths.join(', '));
};
/** `text`: what is seen of a set that loads; undefined where it has nothing to look at. */
const whenLoaded =
  (text: (set: NonNullable<CredentialFacts['set']>) => string | undefined) => (facts: CredentialFacts) => {
    const seen = facts.set && text(facts.set);
    return seen === undefined ? unseen(facts) : ok(seen);
  };

export const credentialChecks = [
  row({
    id: 'files-readable',
    group: 'files and permissions',
    title: 'every file is there and can be read',
    codes: ['SALLY_FILE_UNREADABLE'],
    guide: ['certificate paths are correct'],
    explains: 'all',
    fine: named,
  }),
  row({
    id: 'files-pem',
    group: 'files and permissions',
    title: 'every file is what it is to be, in PEM form, or PKCS #12 where pfx names it',
    codes: ['SALLY_TLS_NOT_PEM', 'SALLY_TLS_NOT_PFX', 'SALLY_TLS_PFX_LEGACY'],
    explains: 'all',
    fine: whenLoaded((set) => (set.files.pfx ? 'PKCS #12' : 'PEM')),
  }),
  row({
    id: 'key-private',
    group: 'files and permissions',
    title: 'the key is for its owner only',
    codes: ['SALLY_TLS_KEY_READABLE'],
    guide: ['key protection: mode 600', 'key permissions listed'],
    fine: whenLoaded((set) => (set.certificate ? 'mode 600 or less' : undefined)),
  }),
  row({
    id: 'key-opens',
    group: 'files and permissions',
    title: 'the key can be opened',
    codes: ['SALLY_TLS_KEY_ENCRYPTED', 'SALLY_TLS_KEY_PASSWORD'],
    explains: 'all',
    fine: whenLoaded((set) => (set.certificate ? 'it opens' : undefined)),
  }),
  row({
    id: 'key-matches',
    group: 'files and permissions',
    title: 'the key is that of the certificate',
    codes: ['SALLY_TLS_KEY_MISMATCH'],
    explains: 'all',
    fine: whenLoaded((set) => (set.certificate ? 'they belong together' : undefined)),
  }),
  row({
    id: 'cert-in-date',
    group: 'certificates',
    title: 'certificate and CA are valid today',
    codes: ['SALLY_CERT_EXPIRED', 'SALLY_CERT_NOT_YET_VALID'],
    guide: ['certificates have not expired', 'expiration dates checked'],
    explains: 'all',
    fine: whenLoaded((set) => `until ${(set.certificate ?? set.authorities[0])?.validTo ?? 'always'}`),
  }),
  row({
    id: 'cert-not-ending',
    group: 'certificates',
    title: 'none of them ends within 30 days',
    codes: ['SALLY_CERT_EXPIRING'],
    mild: ['SALLY_CERT_EXPIRING'],
    guide: ['certificate rotation', 'plan rotation'],
    fine: whenLoaded(() => 'none does'),
  }),
  row({
    id: 'cert-purpose',
    group: 'certificates',
    title: 'it is made for this side',
    codes: ['SALLY_TLS_PURPOSE'],
    explains: 'all',
    fine: whenLoaded((set) => (set.certificate ? oneLineName(set.certificate.subject) : undefined)),
  }),
  row({
    id: 'cert-one-purpose',
    group: 'certificates',
    title: 'it says what it is for',
    codes: ['SALLY_TLS_NO_PURPOSE'],
    fine: whenLoaded((set) => (set.certificate ? 'extended key usage' : undefined)),
  }),
  row({
    id: 'cert-strength',
    group: 'certificates',
    title: 'its key, its signature and those of its CAs are strong',
    codes: ['SALLY_TLS_CREDENTIALS', 'SALLY_TLS_WEAK'],
    explains: 'all',
    fine: whenLoaded((set) => set.certificate?.publicKey.asymmetricKeyType),
  }),
  loaded({
    id: 'cert-version',
    group: 'certificates',
    title: 'they are of X.509 version 3',
    codes: ['SALLY_DOCTOR_X509_V1'],
    look(facts) {
      const { set } = facts;
      if (!set) return [unseen(facts)];
      const own = set.chain.map((one) => ({ one, path: certificateFile(set.files) ?? '' }));
      const cas = set.authorities.map((one) => ({ one, path: set.files.caBundle ?? '' }));
      const old = [...own, ...cas].filter(({ one }) => partsOf(one)?.version1 === true);
      if (old.length === 0) return [ok('version 3')];
      return old.map(({ one, path }) => fail(CertVersion1({ path, subject: oneLineName(one.subject) })));
    },
  }),
  row({
    id: 'ca-is-ca',
    group: 'CA and bundles',
    title: 'the bundle holds CA certificates, and a root among them unless partial_chain says otherwise',
    codes: ['SALLY_TLS_NOT_A_CA', 'SALLY_TLS_NO_ROOT'],
    explains: 'all',
    fine: whenLoaded(({ authorities }) =>
      authorities.length === 0
        ? undefined
        : authorities
            .map((ca) => `${oneLineName(ca.subject)} (SHA-256 ${ca.fingerprint256.slice(0, 23)}…)`)
            .join('; '),
    ),
  }),
  row({
    id: 'cert-of-a-ca',
    group: 'certificates',
    title: 'a CA has signed it',
    codes: ['SALLY_TLS_SELF_SIGNED'],
    mild: ['SALLY_TLS_SELF_SIGNED'],
    fine: whenLoaded((set) => set.certificate && oneLineName(set.certificate.issuer)),
  }),
  row({
    id: 'ca-strength',
    group: 'CA and bundles',
    title: 'no CA of the bundle is weak',
    codes: ['SALLY_TLS_WEAK_CA'],
    mild: ['SALLY_TLS_WEAK_CA'],
    fine: whenLoaded(({ authorities }) => (authorities.length > 0 ? 'none is' : undefined)),
  }),
  row({
    id: 'cert-chain',
    group: 'CA and bundles',
    title: 'the certificate leads to a CA of the bundle',
    codes: ['SALLY_TLS_CHAIN', 'SALLY_TLS_CHAIN_LENGTH'],
    guide: ['CA bundle matches on both sides', 'dedicated CA', 'certificate verification tested'],
    explains: 'all',
    fine: whenLoaded((set) => {
      if (!set.certificate) return undefined;
      const count = `${set.chain.length} in the chain`;
      return set.files.anyIssuer ? `${count}; it may be of any CA` : count;
    }),
  }),
  row({
    id: 'crl-usable',
    group: 'CA and bundles',
    title: 'the revocation list is current, and of every CA',
    codes: [
      'SALLY_CRL_EXPIRED',
      'SALLY_CRL_NOT_YET_VALID',
      'SALLY_CRL_FOREIGN',
      'SALLY_CRL_MISSING',
      'SALLY_CRL_WEAK',
    ],
    mild: ['SALLY_CRL_WEAK'],
    explains: 'all',
    fine: whenLoaded(({ crls }) => (crls.length > 0 ? `${crls.length} lists` : undefined)),
  }),
  row({
    id: 'cert-not-revoked',
    group: 'CA and bundles',
    title: 'the certificate is not revoked',
    codes: ['SALLY_CERT_REVOKED'],
    explains: 'all',
    fine: whenLoaded(({ crls }) => (crls.length > 0 ? 'not in the list' : undefined)),
  }),
];
