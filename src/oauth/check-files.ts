import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { GatewaySettings } from '../config/index.js';
import { asSallyError, KeyReadableByOthers, type SallyError } from '../errors.js';
import { openToOthers } from '../tls/index.js';
import { readPrivateKey, readSecret } from './client-auth.js';
import { TokenVault, vaultUnwritable } from './vault.js';

/**
 * What a gateway would fail with on the files of its `oauth` blocks: at the start, or with the first token. Undefined where
 * they name none.
 */
export async function checkOauthFiles({
  consent,
  upstreams,
}: GatewaySettings): Promise<{ problems: SallyError[]; remarks: SallyError[] } | undefined> {
  const problems: SallyError[] = [];
  const keys: string[] = [];
  let named = consent?.files !== undefined;
  const look = (work: Promise<unknown>) =>
    work.catch((error: unknown) => void problems.push(asSallyError(error)));
  if (consent?.files) {
    const { tokensFile: path, keyFile } = consent.files;
    keys.push(keyFile);
    await look(TokenVault.open(consent.files));
    await look(
      access(dirname(path), constants.W_OK).catch((error: unknown) => {
        throw vaultUnwritable(path, error);
      }),
    );
  }
  for (const upstream of upstreams) {
    const settings = upstream.transport === 'http' ? upstream.oauth : undefined;
    if (settings?.clientSecretFile !== undefined) {
      named = true;
      await look(readSecret(settings.clientSecretFile));
    }
    if (settings?.privateKeyFile !== undefined) {
      named = true;
      keys.push(settings.privateKeyFile);
      const { issuer } = settings;
      await look(readPrivateKey(settings.privateKeyFile, upstream.name, issuer?.href ?? upstream.name));
    }
  }
  if (!named) return undefined;
  const open = await Promise.all([...new Set(keys)].map(readableByOthers));
  return { problems, remarks: open.filter((one) => one !== undefined) };
}

async function readableByOthers(path: string): Promise<SallyError | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  const mode = found.mode & 0o777;
  const isOpen = openToOthers({ mode, own: found.uid === process.geteuid?.() });
  return isOpen ? KeyReadableByOthers({ path, mode: mode.toString(8) }) : undefined;
}
