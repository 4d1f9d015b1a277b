import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const text = (program: string, args: readonly string[]): { ok: boolean; said: string } => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { ok: status === 0, said: `${stdout}${stderr}` };
};

/** Whether strict OpenSSL accepts a leaf by the files of some folder: its bundle, and its lists where it has any. */
export function opensslAccepts(leaf: string, bundle: string, crl?: string): boolean {
  // As Node does with `crl`: every certificate of the chain has to be on no list, and have one.
  const lists = crl === undefined ? [] : ['-crl_check_all', '-CRLfile', crl];
  return text('openssl', ['verify', '-x509_strict', '-CAfile', bundle, ...lists, leaf]).ok;
}

/** The same by GnuTLS. Its `certtool` wants the chain in one file, the leaf first. */
export function gnutlsAccepts(leaf: string, bundle: string, crl?: string): boolean {
  const lists = crl === undefined ? [] : ['--load-crl', crl];
  const { ok, said } = text('certtool', [
    '--verify',
    '--load-ca-certificate',
    bundle,
    '--infile',
    leaf,
    ...lists,
  ]);
  return ok && said.includes('The certificate is trusted');
}

/** Whether OpenSSL and GnuTLS find each list of the file signed by one of the CAs. */
export function listsVerify(
  crl: string,
  bundle: string,
): { openssl: boolean; gnutls: boolean; lists: number } {
  const lists =
    readFileSync(crl, 'utf8').match(/-----BEGIN X509 CRL-----[\s\S]+?-----END X509 CRL-----\n/g) ?? [];
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-crl-'));
  try {
    const pems = readFileSync(bundle, 'utf8').match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? [];
    const cas = pems.map((pem, i) => {
      const path = join(dir, `${i}.crt`);
      writeFileSync(path, pem);
      return path;
    });
    const verdicts = lists.map((pem, i) => {
      const path = join(dir, `${i}.crl`);
      writeFileSync(path, pem);
      return {
        openssl: text('openssl', ['crl', '-in', path, '-noout', '-verify', '-CAfile', bundle]).said.includes(
          'verify OK',
        ),
        // Of a bundle it reads the first certificate only.
        gnutls: cas.some(
          (ca) => text('certtool', ['--verify-crl', '--load-ca-certificate', ca, '--infile', path]).ok,
        ),
      };
    });
    return {
      openssl: verdicts.every(({ openssl }) => openssl),
      gnutls: verdicts.every(({ gnutls }) => gnutls),
      lists: lists.length,
    };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The lists of a file as `openssl crl -text` prints the first of them. */
export const crlText = (crl: string): string => text('openssl', ['crl', '-in', crl, '-noout', '-text']).said;
