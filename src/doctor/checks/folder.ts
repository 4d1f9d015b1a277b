import { resolve } from 'node:path';
import { RotationHalfDone } from '../../errors.js';
import { certsCommandLine, opensslDate, type Verdict } from '../../pki/index.js';
import { verdicts } from '../../pki/verdicts.js';
import { type Check, checksOf, type Finding, fail, type Group, ok, skipped, warn } from '../check.js';
import type { FolderFacts } from '../facts.js';

const folder = checksOf('folder', 'setting');

type Bad = Exclude<Verdict, 'ok'>;

const mild: readonly Bad[] = ['expires soon', 'ca.crl expires soon', 'not strict'];

interface Row {
  readonly id: string;
  readonly group: Group;
  readonly title: string;
  readonly verdicts: readonly Bad[];
  readonly guide?: readonly string[];
  readonly harmless?: true;
  readonly after?: Check['stage'];
}

/** A check of what `certs check` says of the folder. */
const row = ({ verdicts: wanted, harmless, after, ...rest }: Row): Check =>
  folder({
    ...rest,
    codes: [...new Set(wanted.map((verdict) => verdicts[verdict].code))],
    stage: after ?? 'file',
    ...(harmless ? {} : { explains: 'all' as const }),
    look({ report }) {
      const found = report.entries.flatMap(({ role, name, path, findings }) =>
        findings
          .filter(({ verdict }) => wanted.includes(verdict))
          .map((finding): Finding => {
            const problem = {
              code: verdicts[finding.verdict].code,
              message: `${finding.path} ${finding.detail}`,
              remedy: finding.remedy,
            };
            const make = mild.includes(finding.verdict) ? warn : fail;
            return make(problem, `${finding.verdict}: ${finding.detail}`, {
              lookedAt: finding.path,
              keys: keysOf(role, name, path),
            });
          }),
      );
      if (found.length > 0) return found;
      return report.entries.length === 0
        ? [skipped('the folder is empty')]
        : [ok(`${report.entries.length} folders`)];
    },
  });

function keysOf(role: FolderFacts['report']['entries'][number]['role'], name: string, path: string) {
  const at = resolve(path);
  if (role === 'plugin') return [at, `hosts:${name.toLowerCase()}`];
  return role === 'gateway' ? [at, 'gateway'] : [at, 'ca'];
}

export const folderChecks = [
  folder({
    id: 'folder-filled',
    group: 'files and permissions',
    title: 'there are certificates',
    codes: ['SALLY_CERTS_MISSING'],
    guide: ['certificates generated'],
    explains: 'all',
    look({ report, dir }) {
      if (report.entries.length > 0)
        return [ok(report.entries.map(({ role, name }) => (role === 'plugin' ? name : role)).join(', '))];
      const message = `there are no certificates in ${dir}`;
      return [fail({ code: 'SALLY_CERTS_MISSING', message, remedy: certsCommandLine(dir, 'all') })];
    },
  }),
  row({
    id: 'folder-complete',
    group: 'files and permissions',
    title: 'every folder has its files',
    verdicts: ['missing', 'incomplete', 'unreadable', 'key missing', 'client.pem differs'],
  }),
  row({
    id: 'folder-keys-private',
    group: 'files and permissions',
    title: 'keys are for their owner only',
    verdicts: ['key readable by others'],
    guide: ['key protection: mode 600'],
    harmless: true,
  }),
  row({
    id: 'folder-keys-match',
    group: 'files and permissions',
    title: 'keys are those of their certificates',
    verdicts: ['key mismatch', 'wrong order'],
  }),
  row({
    id: 'folder-in-date',
    group: 'certificates',
    title: 'all are valid today, and for 30 days',
    verdicts: ['expired', 'not yet valid', 'expires soon'],
    guide: ['certificates have not expired', 'expiration dates checked'],
  }),
  row({
    id: 'folder-purpose',
    group: 'certificates',
    title: 'each is made for its side',
    verdicts: ['wrong purpose', 'version 1', 'no purpose'],
  }),
  row({
    id: 'folder-strength',
    group: 'certificates',
    title: 'none of them is weak',
    verdicts: ['weak'],
  }),
  row({
    id: 'folder-ca',
    group: 'CA and bundles',
    title: 'the CA can issue, and strict peers take it',
    verdicts: ['unusable CA', 'not strict'],
  }),
  row({
    id: 'folder-issuer',
    group: 'CA and bundles',
    title: 'all are of this CA',
    verdicts: ['not issued by this CA'],
    guide: ['certificate verification tested'],
  }),
  row({
    id: 'folder-bundles',
    group: 'CA and bundles',
    title: 'every folder has the same ca.crt',
    verdicts: ['ca.crt differs', 'ca.crt behind'],
    guide: ['CA bundle matches on both sides'],
    after: 'both sides',
  }),
  row({
    id: 'folder-crl',
    group: 'CA and bundles',
    title: 'the revocation list is current, and in every folder',
    verdicts: ['ca.crl unusable', 'ca.crl differs', 'ca.crl expired', 'ca.crl expires soon'],
    after: 'both sides',
  }),
  row({
    id: 'folder-not-revoked',
    group: 'CA and bundles',
    title: 'no certificate is revoked',
    verdicts: ['revoked'],
  }),
  folder({
    id: 'folder-strays',
    group: 'configuration',
    title: 'every plugin with a certificate has an entry',
    codes: ['SALLY_CERT_UNKNOWN'],
    look({ strays, dir }) {
      if (strays === undefined) return [skipped('no file that names plugins was looked at')];
      return strays.length === 0
        ? [ok('each has')]
        : strays.map((name) =>
            warn({
              code: 'SALLY_CERT_UNKNOWN',
              message: `${dir}/plugins/${name} is of a plugin that no file names`,
              remedy: `if it is not used any more: ${certsCommandLine(dir, 'revoke', name)}, then remove the folder`,
            }),
          );
    },
  }),
  folder({
    id: 'ca-key-away',
    group: 'files and permissions',
    title: "the CA's key is not where a server runs",
    codes: ['SALLY_CA_UNUSABLE'],
    guide: ['dedicated CA'],
    stage: 'file',
    look({ report, besideServer, dir }) {
      const note = report.notes.find((text) => text.includes('.key'));
      if (note === undefined) return [ok('it is elsewhere')];
      const problem = {
        code: 'SALLY_CA_UNUSABLE',
        message: note,
        remedy: `move ${dir}/ca/ca.key to a safe place`,
      };
      return [besideServer ? warn(problem) : ok('it is here, and no server was named')];
    },
  }),
  folder({
    id: 'rotation-finished',
    group: 'rotation',
    title: 'no replacement of the CA is half done',
    codes: ['SALLY_DOCTOR_ROTATION'],
    guide: ['certificate rotation', 'plan rotation'],
    explains: ['SALLY_TLS_UNKNOWN_CA', 'SALLY_CRL_FOREIGN', 'SALLY_CERT_CRL', 'SALLY_TLS_CHAIN'],
    look({ dir, rotation, now }) {
      if (rotation === undefined) return [skipped('the CA is not in this folder')];
      const { phase, folders, next, bundled, old } = rotation;
      if (phase === 'none') return [ok(old ? `one CA, until ${opensslDate(old.notAfter)}` : 'no CA')];
      const lacks = (folder: (typeof folders)[number]) =>
        folder.trusts !== 'both' ||
        !folder.crlCurrent ||
        (phase === 'activated' && folder.issuedBy === 'old');
      const behind = folders.filter(lacks).map(({ name }) => name);
      const problem = RotationHalfDone({ dir, phase, behind, next });
      const broken = phase === 'switching' || behind.length > 0 || !bundled || (old?.notAfter ?? now) < now;
      const keys = [...folders.flatMap(({ name }) => [`hosts:${name.toLowerCase()}`]), 'gateway', 'ca'];
      return [(broken ? fail : warn)(problem, problem.message, { keys })];
    },
  }),
];
