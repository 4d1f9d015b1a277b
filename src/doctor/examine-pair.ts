import type { X509Certificate } from 'node:crypto';
import type { ClientTlsSettings, ServerTlsSettings } from '../config/index.js';
import { ClientCertNotDemanded, NoClientCert, type SallyError } from '../errors.js';
import { judgeHostname, judgePeer, oneLineName, pluginRule } from '../tls/index.js';
import type { CredentialFacts, PairFacts } from './facts.js';

interface Ends {
  readonly plugin: string;
  readonly url: URL;
  readonly client: { readonly tls: ClientTlsSettings; readonly own: CredentialFacts };
  readonly server: {
    readonly file: string;
    readonly port: number;
    readonly tls: ServerTlsSettings;
    readonly own: CredentialFacts;
  };
  readonly now: Date;
}

/** What the two ends of a connection would say of each other, told from their files. A function of values. */
export function examinePair({ plugin, url, client, server, now }: Ends): PairFacts {
  const names = (all: readonly X509Certificate[]) =>
    all.map((ca) => `${oneLineName(ca.subject)} ${ca.fingerprint256.slice(0, 23)}…`);
  const [ours, theirs] = [client.own.set, server.own.set];
  const saidThere = ours && theirs && judgeClient(ours, theirs, server, now);
  const saidHere = ours && theirs && judgeServer({ plugin, url, client, server, now });
  return {
    kind: 'pair',
    title: `gateway ↔ ${server.file}`,
    keys: [`pair:${url.host}:${plugin.toLowerCase()}`],
    within: [...client.own.keys, ...server.own.keys, ...client.own.within, ...server.own.within],
    plugin,
    url,
    serverFile: server.file,
    serverPort: server.port,
    bundles: { client: names(ours?.authorities ?? []), server: names(theirs?.authorities ?? []) },
    ...(saidThere && { saidThere }),
    ...(saidHere && { saidHere }),
  };
}

type Set = NonNullable<CredentialFacts['set']>;

function judgeClient(
  ours: Set,
  theirs: Set,
  { tls, file }: Ends['server'],
  now: Date,
): SallyError | undefined {
  const peer = `the client ${ours.files.certfile ?? 'without a certificate'}`;
  if (tls.sslCertReqs === 0)
    return ours.certificate && ClientCertNotDemanded({ peer: file, seen: 'ssl_cert_reqs is 0' });
  if (ours.certificate === undefined)
    return tls.sslCertReqs === 2 ? NoClientCert({ peer: file, side: 'client' }) : undefined;
  const identity = { kind: 'client', allowed: tls.allowedClients } as const;
  const rule = { identity, pins: tls.pins };
  const verdict = judgePeer(ours.chain, { set: theirs, rule, peer, side: 'server', now });
  if (verdict.kind === 'refused') return verdict.error;
  return verdict.remarks[0];
}

function judgeServer({ plugin, url, client, server, now }: Ends): SallyError | undefined {
  const { tls, own } = client;
  const [ours, theirs] = [own.set, server.own.set];
  if (!tls.verify || ours === undefined || theirs?.certificate === undefined) return undefined;
  const peer = `the server ${theirs.files.certfile ?? ''}`;
  const rule = { identity: pluginRule(plugin, tls.identity), pins: tls.pins };
  const verdict = judgePeer(theirs.chain, { set: ours, rule, peer, side: 'client', now });
  if (verdict.kind === 'refused') return verdict.error;
  if (!tls.checkHostname) return verdict.remarks[0];
  const name = tls.serverName ?? url.hostname.replace(/^\[|\]$/g, '');
  const named = judgeHostname(name, theirs.certificate, peer);
  return named.kind === 'refused' ? named.error : (named.remark ?? verdict.remarks[0]);
}
