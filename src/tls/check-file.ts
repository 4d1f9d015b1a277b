import type { X509Certificate } from 'node:crypto';
import { asSallyError, CaWeak, CertExpiring, type SallyError } from '../errors.js';
import { canSign } from '../pki/der.js';
import { oneLineName, readCertificates } from '../pki/pem.js';
import { dayMs, daysLeft, validityIn } from '../pki/validity.js';
import { type Verdict, verdicts } from '../pki/verdicts.js';
import { weakAuthorities } from './chain.js';
import { readFiles } from './files.js';
import { checkDates, checkShown, type Loading, loadPfx } from './own.js';

/** What is said of one file with a certificate, wherever it is from. */
export interface FileReport {
  readonly path: string;
  /** Absent where it cannot be read. */
  readonly subject?: string;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly daysLeft?: number;
  /** The worst that is found, or `ok`. */
  readonly verdict: Verdict;
  readonly problems: readonly SallyError[];
}

/**
 * Judges the certificate in a file as a program would that shows it: PEM, or PKCS #12 with its key. Which CA it has to
 * lead to is not known here. No finding is an exception.
 */
export function checkFile(
  path: string,
  { password, now, warnDays }: { readonly password?: string | undefined; now: Date; warnDays: number },
): FileReport {
  const passwordVariable = 'MCP_CERT_PFX_PASSWORD';
  const loading: Loading = { role: 'client', now, warnings: [], passwordVariable };
  const seen: X509Certificate[] = [];
  const problems: SallyError[] = [];
  try {
    seen.push(...chainIn(path, password, loading));
    if (seen[0] && canSign(seen[0])) checkBundle(seen, path, loading);
    else checkShown(seen, path, loading);
    problems.push(...loading.warnings);
  } catch (error) {
    problems.push(asSallyError(error));
  }
  const [leaf] = seen;
  if (leaf === undefined) return { path, verdict: verdictOf(problems), problems };
  const subject = oneLineName(leaf.subject);
  const { notBefore, notAfter } = validityIn(leaf);
  const left = notAfter.getTime() - now.getTime();
  if (problems.length === 0 && left <= warnDays * dayMs)
    problems.push(CertExpiring({ path, subject, notAfter, days: Math.floor(left / dayMs) }));
  const facts = { path, subject, notBefore, notAfter, daysLeft: daysLeft(notAfter, now) };
  return { ...facts, verdict: verdictOf(problems), problems };
}

/** A file of CAs has no certificate of its own. */
function checkBundle(
  authorities: readonly X509Certificate[],
  path: string,
  { now, warnings }: Loading,
): void {
  for (const authority of authorities) checkDates(authority, path, now, true);
  for (const { detail } of weakAuthorities(authorities)) warnings.push(CaWeak({ path, detail }));
}

/** The certificates of the file, its own first. */
function chainIn(path: string, password: string | undefined, loading: Loading): readonly X509Certificate[] {
  const read = readFiles({ pfx: path });
  const text = read.text(path, 'the certificate');
  if (text.includes('-----BEGIN ')) return readCertificates(text, path);
  return loadPfx(read, path, password, loading).chain;
}

const verdictOf = (problems: readonly SallyError[]): Verdict => {
  const codes = problems.map(({ code }) => code);
  const [found] = Object.entries(verdicts).filter(([, rule]) => 'code' in rule && codes.includes(rule.code));
  return (found?.[0] as Verdict | undefined) ?? (problems.length > 0 ? 'unreadable' : 'ok');
};
