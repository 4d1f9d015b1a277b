import type { CredentialStore } from '../tls/index.js';

/** What looking at things needs of its surroundings. */
export interface DoctorContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** For each single probe. */
  readonly timeoutMs: number;
  readonly credentials: CredentialStore;
}
