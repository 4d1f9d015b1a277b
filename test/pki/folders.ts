import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'sallyport-pki-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Every file below `dir` but the list of what was issued, which grows: its path from there, mode and content's hash. */
export function snapshot(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter(
    (entry) => !entry.isDirectory() && entry.name !== 'issued.jsonl',
  );
  return Object.fromEntries(
    files
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => {
        const hash = createHash('sha256').update(readFileSync(path)).digest('hex');
        return [path.slice(dir.length + 1), `${(statSync(path).mode & 0o777).toString(8)} ${hash}`];
      }),
  );
}

export type OpensslPurpose = 'sslclient' | 'sslserver';

/** What `openssl verify -x509_strict` says of a certificate: `OK`, or its complaint. */
export function opensslVerify(ca: string, cert: string, purpose: OpensslPurpose): string {
  try {
    const args = ['verify', '-x509_strict', '-purpose', purpose, '-CAfile', ca, cert];
    return execFileSync('openssl', args, { encoding: 'utf8', stdio: 'pipe' }).trim().endsWith(': OK')
      ? 'OK'
      : 'not OK';
  } catch (error) {
    return String((error as { stderr: string }).stderr);
  }
}

/** The certificate as `openssl x509 -text` prints it. */
export function opensslText(cert: string): string {
  return execFileSync('openssl', ['x509', '-in', cert, '-noout', '-text'], { encoding: 'utf8' });
}

/** A certificate authority of another tool: what `openssl req -x509` makes with the given extensions. */
export function opensslCa(dir: string, extensions: readonly string[], options: readonly string[] = []): void {
  const config = join(dir, 'openssl.cnf');
  writeFileSync(
    config,
    `[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\n${extensions.join('\n')}\n`,
  );
  execFileSync(
    'openssl',
    [
      ...[
        'req',
        '-x509',
        '-nodes',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-config',
        config,
      ],
      ...[
        '-subj',
        '/O=Ünternehmen/CN=Their CA',
        '-utf8',
        '-keyout',
        join(dir, 'ca.key'),
        '-out',
        join(dir, 'ca.crt'),
      ],
      ...options,
    ],
    { stdio: 'pipe' },
  );
}
