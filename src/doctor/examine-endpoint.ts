import type { X509Certificate } from 'node:crypto';
import { type ClientTlsSettings, type McpSettings, type ProxySettings, proxyName } from '../config/index.js';
import {
  CertWithoutPurpose,
  ConnectionRefused,
  ConnectionTimeout,
  HostNotFound,
  HostnameMismatch,
  PeerChainTooLong,
  PeerWeak,
  PeerWrongPurpose,
  SallyError,
  SelfSignedServer,
} from '../errors.js';
import { judgeHostname, longestChain, oneLineName, peerDates, weakShown } from '../tls/index.js';
import { callPlugin } from './call-plugin.js';
import type { CredentialFacts, DoctorContext, EndpointFacts, RawReply, TlsLook } from './facts.js';
import {
  askPlain,
  isLoopbackAddress,
  isOwnAddress,
  lookAtTls,
  oldProtocolOf,
  ownAddresses,
  resolveHost,
  tryPort,
} from './network.js';

/** A server to look at, and what we have to show it. */
export interface Endpoint {
  readonly title: string;
  readonly url: URL;
  readonly tls?: ClientTlsSettings;
  readonly own?: CredentialFacts;
  /** The proxy on the way to it. */
  readonly proxy?: ProxySettings;
  /** The plugin that is to be there. */
  readonly plugin?: string;
  readonly within: readonly string[];
}

/** Looks at a server, one layer after another: name, port, TLS, the handshake, and the calls that a gateway makes. */
export async function examineEndpoint(endpoint: Endpoint, context: DoctorContext): Promise<EndpointFacts> {
  const { url, own, tls, plugin, proxy } = endpoint;
  const { timeoutMs } = context;
  const peer = `the plugin server ${url.origin}`;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const facts = {
    kind: 'endpoint',
    title: endpoint.title,
    keys: [`endpoint:${url.host}`],
    within: [...endpoint.within, `pair:${url.host}:${(plugin ?? '').toLowerCase()}`, ...(own?.keys ?? [])],
    url,
    peer,
    ...(own && { own }),
    judged: tls?.verify === true && tls.caBundle !== undefined,
    ...(plugin !== undefined && { plugin }),
    elsewhere: [],
    shown: [],
    calls: [],
    healthOpen: [],
    healthOnly: false,
  } as const;
  if (proxy) {
    const { errors, plugins } = await calls(endpoint, facts.judged, context);
    const connectError = errors.find(({ code }) => code.startsWith('SALLY_PROXY_'));
    return {
      ...facts,
      addresses: [],
      ports: [],
      proxy: proxyName(proxy),
      ...(connectError && { connectError }),
      calls: errors.filter((error) => error !== connectError),
      ...(plugins && { plugins }),
    };
  }
  const found = await resolveHost(host, timeoutMs);
  if (typeof found === 'string') {
    const resolveError = HostNotFound({ peer, host, detail: found });
    return { ...facts, addresses: [], ports: [], resolveError };
  }
  const ports = await Promise.all(
    found.map(async (address) => ({ address, state: await tryPort(address, port, timeoutMs) })),
  );
  const address = ports.find(({ state }) => state.kind === 'open')?.address;
  if (address === undefined) {
    const elsewhere = found.every(isOwnAddress) ? await openElsewhere(found, port, timeoutMs) : [];
    return {
      ...facts,
      addresses: found,
      ports,
      elsewhere,
      connectError: connectErrorOf(peer, ports, timeoutMs),
    };
  }
  const where = { address, port, host, peer, timeoutMs };
  const secure = url.protocol === 'https:';
  const look = await lookAtTls(where);
  const spoken = look.kind === 'spoken';
  const plain = spoken && secure ? undefined : await askPlain(address, port, host, timeoutMs);
  const mcp = plain && secure ? await askPlain(address, port, host, timeoutMs, url.pathname) : undefined;
  const oldProtocol = secure ? await oldProtocolOf(where) : undefined;
  const called = await calls(endpoint, facts.judged, context);
  const health = secure ? await healthOf(address, port, host, timeoutMs) : { open: [] };
  const reply = (spoken ? look.reply : undefined) ?? plain ?? health.reply;
  return {
    ...facts,
    addresses: found,
    ports,
    look,
    ...(plain && { plain }),
    healthOnly: mcp?.status === 404 && mcp.body.includes('only /health'),
    ...(oldProtocol !== undefined && { oldProtocol }),
    shown: secure ? shownBy(look, host, peer, endpoint, context.now()) : [],
    calls: called.errors,
    ...(called.plugins && { plugins: called.plugins }),
    ...(health.reply && { health: health.reply }),
    healthOpen: health.open,
    ...(reply?.date && { clock: { theirs: reply.date, here: context.now() } }),
  };
}

function connectErrorOf(peer: string, ports: EndpointFacts['ports'], timeoutMs: number): SallyError {
  const codes = ports.map(({ address, state }) => `${address}: ${'code' in state ? state.code : 'open'}`);
  return ports.every(({ state }) => 'code' in state && state.code === 'ETIMEDOUT')
    ? ConnectionTimeout({ peer, seconds: timeoutMs / 1000 })
    : ConnectionRefused({ peer, detail: codes.join(', ') });
}

async function openElsewhere(
  tried: readonly string[],
  port: number,
  timeoutMs: number,
): Promise<readonly string[]> {
  const others = ownAddresses().filter((address) => !tried.includes(address));
  const states = await Promise.all(others.map((address) => tryPort(address, port, timeoutMs)));
  return others.filter((_, i) => states[i]?.kind === 'open');
}

/** The plain health endpoint of a server with TLS; of one on this machine, on which other addresses it is too. */
async function healthOf(address: string, port: number, host: string, timeoutMs: number) {
  const healthPort = port + 1_000;
  if (healthPort > 65_535) return { open: [] };
  const isHealth = (reply: RawReply | undefined) => reply !== undefined && /"status":"/.test(reply.body);
  const reply = await askPlain(address, healthPort, host, timeoutMs);
  if (!isHealth(reply)) return { open: [] };
  const outer = isOwnAddress(address) ? ownAddresses().filter((one) => !isLoopbackAddress(one)) : [address];
  const replies = await Promise.all(outer.map((one) => askPlain(one, healthPort, host, timeoutMs)));
  return { reply, open: outer.filter((_, i) => isHealth(replies[i])) };
}

/** What the certificate that a server shows says by itself. Who signed it is judged by the call, where there is a bundle. */
function shownBy(
  look: TlsLook,
  host: string,
  peer: string,
  { tls, own }: Endpoint,
  now: Date,
): readonly SallyError[] {
  const chain = look.kind === 'spoken' ? look.chain : [];
  const [leaf] = chain;
  if (leaf === undefined) return [];
  const at = { peer, side: 'client', subject: oneLineName(leaf.subject) } as const;
  const usages = leaf.keyUsage as string[] | undefined;
  const weak = weakShown(chain, 'server');
  const inBundle = own?.set?.authorities.some((authority) => authority.raw.equals(leaf.raw));
  return [
    weak && PeerWeak({ ...at, detail: weak.detail }),
    chain.length > longestChain && PeerChainTooLong({ ...at, most: longestChain }),
    inBundle && SelfSignedServer(at),
    peerDates(leaf, at, now),
    usages === undefined && CertWithoutPurpose({ path: `the certificate of ${peer}` }),
    usages !== undefined && !usages.includes('1.3.6.1.5.5.7.3.1') && PeerWrongPurpose(at),
    (tls?.checkHostname ?? true) && nameProblem(leaf, tls?.serverName ?? host, peer),
  ].filter((problem) => problem instanceof SallyError);
}

function nameProblem(leaf: X509Certificate, name: string, peer: string): SallyError | undefined {
  const verdict = judgeHostname(name, leaf, peer);
  return verdict.kind === 'refused' ? verdict.error : verdict.remark;
}

/** What a gateway asks first; once more without the check of the name, where that is all that is wrong. */
async function calls(
  endpoint: Endpoint,
  judged: boolean,
  context: DoctorContext,
): Promise<{ errors: readonly SallyError[]; plugins?: readonly string[] }> {
  const { url, tls, own, proxy } = endpoint;
  if (own !== undefined && own.set === undefined) return { errors: [] };
  const settings: Http = {
    transport: 'http',
    url,
    ...(proxy && { proxy }),
    ...(url.protocol === 'https:' && { tls: tls ?? { verify: false, checkHostname: false } }),
  };
  const first = await callPlugin(settings, endpoint.plugin, context);
  if (!(HostnameMismatch.is(first.error) && judged && settings.tls))
    return { errors: first.error ? [first.error] : [], ...(first.plugins && { plugins: first.plugins }) };
  // Its chain is good, so it may be told what is to be had there.
  const relaxed = { ...settings, tls: { ...settings.tls, checkHostname: false } };
  const second = await callPlugin(relaxed, endpoint.plugin, context);
  const errors = [first.error, ...(second.error ? [second.error] : [])];
  return { errors, ...(second.plugins && { plugins: second.plugins }) };
}

type Http = Extract<McpSettings, { transport: 'http' }>;
