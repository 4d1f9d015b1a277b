import { defaultDir } from './folder.js';
import { generateKeyPem, type KeyType, keyTypes } from './keys.js';
import { parseTrustDomain, type San } from './sans.js';
import { checkDays, defaultDays } from './validity.js';

/** How certificates are made on disk. Every field has a default. */
export interface EnsureOptions {
  /** The folder of all certificates, from the working directory. Default `certs/mcp`. */
  readonly dir?: string;
  /** Days of validity from now, 1 to 36500. Default 825: Apple's TLS clients refuse servers with more. */
  readonly days?: number;
  /** Kind of new keys. Default `rsa-4096`. */
  readonly keyType?: KeyType;
  /** Host of the SPIFFE name that says a certificate's role. Default `sallyport.local`. */
  readonly trustDomain?: string;
  /** Names that plugins' certificates have beside their own. */
  readonly extraSans?: readonly San[];
  /** The clock. It is asked once. */
  readonly now?: () => Date;
  /** Told whenever a new key is ready. */
  readonly onKey?: (progress: { readonly ready: number; readonly wanted: number }) => void;
}

export interface Settings extends Required<Omit<EnsureOptions, 'now' | 'onKey'>> {
  readonly now: Date;
  /** A new key, of the chosen kind unless another is asked for. */
  newKey(type?: KeyType): Promise<string>;
}

/** The options checked, so that nothing is written before all of them are known to be usable. */
export function settingsOf(options: EnsureOptions): Settings {
  const keyType = options.keyType ?? keyTypes[0] ?? 'rsa-4096';
  let wanted = 0;
  let ready = 0;
  return {
    dir: options.dir ?? defaultDir,
    days: checkDays(options.days ?? defaultDays),
    keyType,
    trustDomain: parseTrustDomain(options.trustDomain ?? 'sallyport.local'),
    extraSans: options.extraSans ?? [],
    now: options.now?.() ?? new Date(),
    newKey: async (type = keyType) => {
      wanted += 1;
      const pem = await generateKeyPem(type);
      ready += 1;
      options.onKey?.({ ready, wanted });
      return pem;
    },
  };
}
