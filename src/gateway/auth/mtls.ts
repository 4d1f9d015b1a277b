import type { AuthSettings } from '../../config/index.js';
import { NamedByCommonName } from '../../errors.js';
import type { Logger } from '../../log.js';
import { type CertificateName, certificateNames, matchingName, remarkOnce } from '../../tls/index.js';
import type { Authenticator, AuthResult, Shown } from './authenticator.js';

type Users = Extract<AuthSettings, { kind: 'mtls' }>['users'];

/**
 * Client certificates. The TLS front lets nobody in without one that verifies; here it is only asked whose it is, once
 * for each connection.
 */
export function openMtls(users: Users, { log }: { readonly log: Logger }): Authenticator {
  const bySocket = new WeakMap<object, Shown>();
  const results = new WeakMap<Shown, AuthResult>();
  const remark = remarkOnce(log);
  const judge = ({ names = [], remote = 'unknown' }: Shown): AuthResult => {
    const { result, commonName } = userOf(names, users);
    if (commonName !== undefined)
      remark(NamedByCommonName({ peer: `the client ${remote}`, name: commonName }));
    return result;
  };
  return {
    shown({ socket }) {
      const seen = socket && bySocket.get(socket);
      const certificate = seen === undefined ? socket?.getPeerX509Certificate() : undefined;
      if (socket === undefined || certificate === undefined) return seen ?? {};
      const shown = { names: certificateNames(certificate), remote: socket.remoteAddress };
      bySocket.set(socket, shown);
      return shown;
    },
    async judge(shown) {
      if (shown.names === undefined) {
        return { kind: 'unknown', status: 401, description: 'a client certificate is needed' };
      }
      const known = results.get(shown) ?? judge(shown);
      results.set(shown, known);
      return known;
    },
  };
}

interface Found {
  readonly result: AuthResult;
  /** The CN that it went by though nobody asked for a CN. */
  readonly commonName?: string;
}

/** Who has these names: the first entry that matches counts; without entries the most telling name is the user. */
export function userOf(names: readonly CertificateName[], users: Users): Found {
  const known = (
    name: CertificateName,
    as: Pick<Users[number], 'user' | 'tenant' | 'groups' | 'servers'>,
  ): AuthResult => {
    const who = as.user === undefined ? { user: userText(name), nameKind: name.kind } : { user: as.user };
    const { tenant = null, groups, servers } = as;
    const more = { ...(groups && { groups }), ...(servers && { servers }) };
    return { kind: 'known', identity: { ...who, tenant, method: 'mtls', ...more } };
  };
  const byCommonName = ({ kind, value }: CertificateName) => (kind === 'CN' ? { commonName: value } : {});
  const [first] = names.filter(({ besideSan }) => !besideSan);
  if (users.length === 0 && first !== undefined) return { result: known(first, {}), ...byCommonName(first) };
  for (const { match, ...as } of users) {
    const name = matchingName(names, match);
    if (name === undefined) continue;
    return { result: known(name, as), ...(match.startsWith('CN:') ? {} : byCommonName(name)) };
  }
  return { result: { kind: 'unknown', status: 403, description: unknownText(names, first) } };
}

/** Plugins and the log see the text alone: one that reads like a URI and is none says so. */
function userText({ kind, value }: CertificateName): string {
  return kind !== 'URI' && value.includes('://') ? `${kind}:${value}` : value;
}

function unknownText(names: readonly CertificateName[], first: CertificateName | undefined): string {
  if (first !== undefined)
    return `nobody of the configuration has the certificate of ${first.kind}:${first.value}`;
  return names.length === 0
    ? 'the client certificate holds no name'
    : 'the client certificate holds no name but a CN beside a subjectAltName, which counts only as CN: in gateway.auth.users';
}
