interface VerdictRule {
  /** The code by which the rest of the program knows the same fault. */
  readonly code?: string;
  /** Exit status of `certs check` where this is the worst: 1 in time or by a command, 3 broken. */
  readonly exit: 0 | 1 | 3;
  /** Whether issuing goes on: it fills what is missing, and keeps what is merely worth a word. */
  readonly blocks: boolean;
}

/** What can be said of a folder of certificates, the worst first: codes of the registry, in words. */
export const verdicts = {
  missing: { code: 'SALLY_CERTS_MISSING', exit: 3, blocks: false },
  unreadable: { code: 'SALLY_FILE_UNREADABLE', exit: 3, blocks: true },
  'unusable CA': { code: 'SALLY_CA_UNUSABLE', exit: 3, blocks: true },
  'not issued by this CA': { code: 'SALLY_TLS_CHAIN', exit: 3, blocks: true },
  'key mismatch': { code: 'SALLY_TLS_KEY_MISMATCH', exit: 3, blocks: true },
  'wrong order': { code: 'SALLY_TLS_KEY_MISMATCH', exit: 3, blocks: true },
  'key missing': { code: 'SALLY_FILE_UNREADABLE', exit: 3, blocks: true },
  'wrong purpose': { code: 'SALLY_TLS_PURPOSE', exit: 3, blocks: true },
  weak: { code: 'SALLY_TLS_WEAK', exit: 3, blocks: false },
  'ca.crt differs': { code: 'SALLY_TLS_UNKNOWN_CA', exit: 3, blocks: true },
  'client.pem differs': { code: 'SALLY_CERT_UNUSABLE', exit: 3, blocks: true },
  revoked: { code: 'SALLY_CERT_REVOKED', exit: 3, blocks: false },
  'ca.crt behind': { code: 'SALLY_TLS_UNKNOWN_CA', exit: 3, blocks: false },
  'ca.crl unusable': { code: 'SALLY_CERT_CRL', exit: 3, blocks: false },
  'ca.crl differs': { code: 'SALLY_CRL_FOREIGN', exit: 3, blocks: false },
  'ca.crl expired': { code: 'SALLY_CRL_EXPIRED', exit: 3, blocks: false },
  incomplete: { code: 'SALLY_CERTS_MISSING', exit: 3, blocks: false },
  expired: { code: 'SALLY_CERT_EXPIRED', exit: 1, blocks: false },
  'not yet valid': { code: 'SALLY_CERT_NOT_YET_VALID', exit: 1, blocks: false },
  'expires soon': { code: 'SALLY_CERT_EXPIRING', exit: 1, blocks: false },
  'ca.crl expires soon': { code: 'SALLY_CRL_EXPIRED', exit: 1, blocks: false },
  'version 1': { code: 'SALLY_DOCTOR_X509_V1', exit: 1, blocks: false },
  'no purpose': { code: 'SALLY_TLS_NO_PURPOSE', exit: 1, blocks: false },
  'key readable by others': { code: 'SALLY_TLS_KEY_READABLE', exit: 1, blocks: false },
  'not strict': { code: 'SALLY_CA_UNUSABLE', exit: 0, blocks: false },
  ok: { exit: 0, blocks: false },
} as const satisfies Record<string, VerdictRule>;

/** One word of the table of verdicts. */
export type Verdict = keyof typeof verdicts;

const mild: ReadonlySet<Verdict> = new Set([
  'expires soon',
  'ca.crl expires soon',
  'key readable by others',
  'not strict',
]);

/** Whether it merely wants a word: nothing fails of it today. */
export const isMild = (verdict: Verdict): boolean => mild.has(verdict);

/** Something about a file that is not as it should be. */
export interface Finding {
  readonly verdict: Exclude<Verdict, 'ok'>;
  readonly path: string;
  readonly detail: string;
  /** The command to run, or the thing to do. */
  readonly remedy: string;
}

const rank = Object.keys(verdicts);

/** The findings, the worst first. */
export const worstFirst = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted((a, b) => rank.indexOf(a.verdict) - rank.indexOf(b.verdict));

export const finding = (
  verdict: Finding['verdict'],
  path: string,
  detail: string,
  remedy: string,
): Finding => ({
  verdict,
  path,
  detail,
  remedy,
});

/** A finding as a note has it. */
export const noteOf = ({ path, detail, remedy }: Finding): string => `${path} ${detail}: ${remedy}`;

/** What the judgement depends on beside the files. */
export interface JudgeContext {
  readonly dir: string;
  readonly now: Date;
  /** How many days before its end a certificate "expires soon". */
  readonly warnDays: number;
  /** The replacement of the CA has begun. */
  readonly rotating?: boolean;
}
