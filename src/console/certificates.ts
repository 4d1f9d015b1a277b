import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { checkCertificates, isMild, type Verdict } from '../pki/index.js';
import { type CredentialFiles, certificateFile, checkFile } from '../tls/index.js';
import type { CertificateFacts } from './facts.js';

/** From how many days before its end a certificate "expires soon", as `certs check` has it. */
const warnDays = 30;
/** A clock alone can change a verdict. */
const judgedAgainMs = 60_000;
/** Of one folder more are not looked at: it is no folder of certificates. */
const mostFiles = 5_000;

/** The certificates that a configuration names, and those of the folders that they are in. */
export class Certificates {
  readonly #onChange: () => void;
  #files: readonly CredentialFiles[] = [];
  #path = '';
  #seen = '';
  #judgedAt = Number.NEGATIVE_INFINITY;
  #judging: Promise<void> | undefined;
  facts: readonly CertificateFacts[] = [];

  /** `onChange`: the files are others than before, that of the configuration among them. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** From here on those of this configuration. */
  use(config: { readonly path: string }): void {
    this.#path = config.path;
    this.#files = credentialFilesIn(config);
    this.#seen = '';
  }

  /** Judges them again where one of the files has changed, or time has passed. */
  look(): Promise<void> {
    if (this.#judging !== undefined) return this.#judging;
    const seen = fingerprint(this.#files, this.#path);
    const changed = seen !== this.#seen;
    if (!changed && performance.now() - this.#judgedAt < judgedAgainMs) return Promise.resolve();
    this.#seen = seen;
    this.#judgedAt = performance.now();
    this.#judging = judge(this.#files)
      .then((facts) => {
        this.facts = facts;
        if (changed) this.#onChange();
      })
      // What is being written: it is looked at again.
      .catch(() => {
        this.#seen = '';
      })
      .finally(() => {
        this.#judging = undefined;
      });
    return this.#judging;
  }
}

/** Every set of files of a configuration that credentials are loaded from, wherever it stands. */
function credentialFilesIn(value: unknown): readonly CredentialFiles[] {
  if (Array.isArray(value)) return value.flatMap(credentialFilesIn);
  if (typeof value !== 'object' || value === null || value instanceof URL) return [];
  const { certfile, pfx, caBundle } = value as CredentialFiles;
  const is = [certfile, pfx, caBundle].some((path) => typeof path === 'string');
  return [...(is ? [value as CredentialFiles] : []), ...Object.values(value).flatMap(credentialFilesIn)];
}

/** The folder of `sallyport certs` that a file is in, by its place: `DIR/gateway/…`, `DIR/plugins/NAME/…`, `DIR/ca/…`. */
function folderOf(path: string): string | undefined {
  const above = dirname(path);
  const isPlugin = basename(dirname(above)) === 'plugins';
  const isOther = ['gateway', 'ca'].includes(basename(above));
  if (!isPlugin && !isOther) return undefined;
  const dir = isPlugin ? dirname(dirname(above)) : dirname(above);
  return existsSync(join(dir, 'gateway')) || existsSync(join(dir, 'ca')) ? dir : undefined;
}

const pathsOf = (files: readonly CredentialFiles[]): readonly string[] => [
  ...new Set(
    files.flatMap((one) => [certificateFile(one), one.caBundle].filter((path) => path !== undefined)),
  ),
];

const foldersOf = (files: readonly CredentialFiles[]): readonly string[] => [
  ...new Set(pathsOf(files).flatMap((path) => folderOf(path) ?? [])),
];

/** Another text where one of the files is another. */
function fingerprint(files: readonly CredentialFiles[], config: string): string {
  const stats = (path: string) => {
    const found = statSync(path, { throwIfNoEntry: false });
    return found === undefined ? path : `${path} ${found.ino} ${found.size} ${found.mtimeMs} ${found.mode}`;
  };
  const within = foldersOf(files).flatMap((dir) => filesIn(dir));
  const crls = files.flatMap(({ crlFile }) => crlFile ?? []);
  return [config, ...pathsOf(files), ...crls, ...within].slice(0, mostFiles).map(stats).join('\n');
}

/** The files of a folder of certificates: three levels, as `sallyport certs` makes them. */
function filesIn(dir: string, depth = 3): readonly string[] {
  try {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
      const path = join(dir, entry.name);
      return entry.isDirectory() ? (depth > 1 ? filesIn(path, depth - 1) : []) : [path];
    });
  } catch {
    return [];
  }
}

async function judge(files: readonly CredentialFiles[]): Promise<readonly CertificateFacts[]> {
  const now = new Date();
  const reports = await Promise.all(
    foldersOf(files).map((dir) => checkCertificates({ dir, warnDays, now: () => now })),
  );
  const entries = reports.flatMap((report) => report.entries);
  const kept = entries.map(({ path, role, name, verdict, remedy }) => {
    const named = role === 'plugin' ? `plugin ${name}` : role === 'ca' ? 'CA' : role;
    return factsOf(path, named, undefined, now, { verdict, remedy });
  });
  // A folder has copies of its CA's certificate beside each other: the CA itself stands for them.
  const within = new Set(reports.map(({ dir }) => dir));
  const others = files.flatMap((one) => {
    const own = certificateFile(one);
    const password = one.keyfilePassword;
    const outside = (path: string | undefined): path is string =>
      path !== undefined && !within.has(folderOf(path) ?? '');
    return [
      ...(outside(own) ? [factsOf(own, 'certificate', password, now)] : []),
      ...(outside(one.caBundle) ? [factsOf(one.caBundle, 'CA', undefined, now)] : []),
    ];
  });
  const once = new Map([...kept, ...others].map((facts) => [facts.path, facts]));
  return [...once.values()];
}

function factsOf(
  path: string,
  role: string,
  password: string | undefined,
  now: Date,
  judged?: { readonly verdict: Verdict; readonly remedy: string | undefined },
): CertificateFacts {
  const report = checkFile(path, { password, now, warnDays });
  const verdict = judged?.verdict ?? report.verdict;
  const remedy = judged === undefined ? report.problems[0]?.remedy : judged.remedy;
  return {
    path,
    subject: report.subject ?? '',
    role,
    notBefore: report.notBefore?.toISOString() ?? '',
    notAfter: report.notAfter?.toISOString() ?? '',
    verdict,
    level: verdict === 'ok' ? 'ok' : isMild(verdict) ? 'warning' : 'error',
    ...(remedy !== undefined && { remedy }),
  };
}
