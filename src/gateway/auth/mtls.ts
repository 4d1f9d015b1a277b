import type { AuthSettings } from '../../config/index.js';
import { type CertificateName, certificateNames, matchingName } from '../../tls/index.js';
import type { Authenticator, Verdict } from './authenticator.js';

type Users = Extract<AuthSettings, { kind: 'mtls' }>['users'];

/**
 * Client certificates. The TLS front lets nobody in without one that verifies; here it is only asked whose it is, once
 * for each connection.
 */
export function openMtls(users: Users): Authenticator {
  const verdicts = new WeakMap<object, Verdict>();
  return {
    async authenticate({ socket }) {
      const certificate = socket?.getPeerX509Certificate();
      if (socket === undefined || certificate === undefined) {
        return { kind: 'unknown', status: 401, description: 'a client certificate is needed' };
      }
      const known = verdicts.get(socket) ?? userOf(certificateNames(certificate), users);
      verdicts.set(socket, known);
      return known;
    },
  };
}

/** Who has these names: the first entry that matches counts; without entries the most telling name is the user. */
export function userOf(names: readonly CertificateName[], users: Users): Verdict {
  const known = (user: string, tenant: string | undefined): Verdict => {
    return { kind: 'known', identity: { user, tenant: tenant ?? null, method: 'mtls' } };
  };
  const [first] = names;
  if (users.length === 0 && first !== undefined) return known(first.value, undefined);
  for (const { match, user, tenant } of users) {
    const name = matchingName(names, match);
    if (name !== undefined) return known(user ?? name.value, tenant);
  }
  const description =
    first === undefined
      ? 'the client certificate holds no name'
      : `nobody of the configuration has the certificate of ${first.kind}:${first.value}`;
  return { kind: 'unknown', status: 403, description };
}
