import { randomBytes } from 'node:crypto';
import type { ConsoleSettings, GatewayConfig } from '../config/index.js';
import { asSallyError, type SallyError } from '../errors.js';
import type { PageDesk } from '../gateway/approvals/desk.js';
import { type Authenticator, openAuthenticator } from '../gateway/auth/index.js';
import { clientRuleOf } from '../gateway/index.js';
import {
  authority,
  createHttpServer,
  endConnection,
  type Handler,
  listen,
  listenOnSocket,
  sendJson,
  stopListening,
} from '../http/index.js';
import { createStrangers, pathOf } from '../listener/index.js';
import type { Logger } from '../log.js';
import { createCredentialStore, createTlsFront } from '../tls/index.js';
import { Access } from './access.js';
import { PageApprovals } from './approvals.js';
import { Certificates } from './certificates.js';
import { DoctorRounds } from './doctor.js';
import { EventStreams } from './events.js';
import type { ConsoleState } from './facts.js';
import { Ledger } from './ledger.js';
import { ownFolder, socketOf } from './local.js';
import { mergeParts, type Parts } from './parts.js';
import type { Report } from './reporter.js';
import { createPages } from './server.js';

/** What a console shows of the configuration in force. */
export interface InForce {
  readonly config: GatewayConfig;
  /** As YAML, without secrets. */
  readonly shown: string;
}

export interface ConsoleOptions {
  readonly settings: ConsoleSettings;
  readonly inForce: InForce;
  readonly version: string;
  readonly workers: number;
  /** Where its socket is for `sallyport console` and `top`. */
  readonly folder: string;
  /** What runs the doctor on the files of this gateway; absent where there is none to look at. */
  readonly doctor: readonly string[] | undefined;
  readonly cwd: string;
  /** What waits for an approval; absent where no answer is taken here. */
  readonly desk?: PageDesk | undefined;
  /** A remedy with its commands as they work where the program was started. */
  readonly inWords: (remedy: string) => string;
  readonly log: Logger;
}

/** The page of one gateway, with all of its workers. */
export interface Console {
  readonly url: string;
  readonly port: number;
  /** A new link: it serves once, within ten minutes. */
  link(): string;
  /** What a process tells, by a name of it. */
  take(source: number, report: Report): void;
  /** A process has ended. */
  gone(source: number): void;
  /** Goes on with another configuration. */
  use(inForce: InForce): Promise<void>;
  close(): Promise<void>;
}

/** Connections at a time. */
const mostConnections = 256;
/** How often it is looked whether there is something new, and how far apart two states are that only numbers set apart. */
const tickMs = 200;
const numbersMs = 1_000;

/** @throws SallyError where it cannot listen, or its credentials cannot be used. */
export async function openConsole(options: ConsoleOptions): Promise<Console> {
  const { settings, version, workers, inWords, log } = options;
  const { host } = settings;
  const startedMs = Date.now();
  const ledger = new Ledger();
  const parts = new Map<number, Parts>();
  let { inForce } = options;
  let address = '';
  let authenticator: Authenticator | undefined;
  /** Counts what is more than numbers, so that it is said at once. */
  let changes = 0;
  const changed = () => {
    changes += 1;
  };
  const desk = options.desk && new PageApprovals(options.desk, changed);
  const approvals = () => (inForce.config.gateway.approvals ? desk : undefined);
  const doctor = new DoctorRounds(options.doctor, options.cwd, changed);
  const certificates = new Certificates(() => {
    changed();
    doctor.outdated();
  });

  const openAdmins = async ({ config: { gateway } }: InForce): Promise<Authenticator | undefined> => {
    const { auth, proxies } = gateway;
    if ((gateway.console?.admins ?? []).length === 0) return undefined;
    return openAuthenticator(auth, { log, now: () => new Date(), proxies });
  };
  authenticator = await openAdmins(inForce);
  certificates.use(inForce.config);
  await certificates.look();

  const inWordsOfHere = <T extends { readonly remedy?: string }>(one: T): T =>
    one.remedy === undefined ? one : { ...one, remedy: inWords(one.remedy) };
  const changing = (now: number): Omit<ConsoleState, 'at' | 'configuration' | 'decisions'> => {
    const { upstreams, plugins, sessions } = mergeParts([...parts.values()]);
    const none = { calls: 0, blocked: 0, failed: 0 };
    const asked = approvals();
    return {
      version,
      startedAt: new Date(startedMs).toISOString(),
      workers,
      address,
      clients: ledger.clients(sessions, now),
      upstreams: upstreams.map((one) => ({
        ...inWordsOfHere(one),
        calls: 0,
        failed: 0,
        ...ledger.upstreams.get(one.name),
      })),
      plugins: plugins.map((one) => ({ ...inWordsOfHere(one), ...none, ...ledger.plugins.get(one.name) })),
      traffic: ledger.traffic(now, startedMs),
      certificates: certificates.facts.map(inWordsOfHere),
      doctor: doctor.facts,
      ...(asked && { approvals: asked.facts }),
    };
  };
  const state = async (): Promise<ConsoleState> => {
    await certificates.look();
    doctor.look();
    const now = Date.now();
    const at = new Date(now).toISOString();
    return { at, ...changing(now), configuration: inForce.shown, decisions: ledger.decisions };
  };
  const streams = new EventStreams(() => doctor.look());
  let saidAt = 0;
  let said = '';
  let saidChanges = 0;
  const tick = () => {
    if (streams.size === 0) return;
    void certificates.look();
    doctor.look();
    const now = Date.now();
    if (changes === saidChanges && now - saidAt < numbersMs) return;
    saidChanges = changes;
    saidAt = now;
    const facts = changing(now);
    const text = JSON.stringify(facts);
    if (text !== said) streams.state({ at: new Date(now).toISOString(), ...facts });
    said = text;
  };
  const ticking = setInterval(tick, tickMs);
  ticking.unref();

  const { tls } = inForce.config.gateway;
  const secure = settings.tls ? tls : undefined;
  const access = new Access({
    cookieName: `${secure ? '__Host-' : ''}sallyport-console-${randomBytes(6).toString('hex')}`,
    secure: secure !== undefined,
    admins: () => authenticator && { named: inForce.config.gateway.console?.admins ?? [], authenticator },
  });
  const isToken = () => authenticator !== undefined && inForce.config.gateway.auth.kind !== 'mtls';
  const server = createHttpServer(
    createPages({
      access,
      state,
      streams,
      host,
      allowedHosts: settings.allowedHosts,
      asksForToken: isToken,
      approvals,
      know: (socket) => strangers.know(socket),
    }),
    log,
  );
  const strangers = createStrangers({ log, isAnswering: server.isAnswering });
  const credentials = secure && (await createCredentialStore({ log }).open(secure, 'server'));
  const front = credentials
    ? createTlsFront({
        credentials,
        clientCertificate: inForce.config.gateway.auth.kind === 'mtls' ? 'optional' : 'none',
        clients: clientRuleOf(secure),
        log,
        end: endConnection,
        onSecure(socket, raw) {
          strangers.wrap(raw, socket);
          server.http.emit('connection', socket);
        },
      })
    : server.http;
  // An HTTP server behind another checks its time limits only once it is told that it listens.
  if (front !== server.http) server.http.emit('listening');
  front.maxConnections = mostConnections;
  front.prependListener('connection', strangers.add);

  const local = createHttpServer(localPages({ state, streams, link: () => link() }), log);
  const stop = async () => {
    clearInterval(ticking);
    streams.close();
    doctor.close();
    for (const one of new Set([front, server.http, local.http])) stopListening(one);
    await Promise.all([server.drain(0), local.drain(0)]);
    credentials?.close();
  };
  let port: number;
  try {
    port = await listen(front, host, settings.port, 'the console');
  } catch (error) {
    await stop();
    throw error;
  }
  try {
    await ownFolder(options.folder);
    await listenOnSocket(local.http, socketOf(options.folder, port), 'the socket of the console');
  } catch (thrown) {
    warn(log, asSallyError(thrown));
  }
  const url = `${secure ? 'https' : 'http'}://${authority(host, port)}/`;
  const link = () => `${url}login?key=${access.makeKey()}`;
  return {
    url,
    port,
    link,
    take(source, { share, parts: now, address: at }) {
      if (share) streams.decisions(ledger.add(share));
      if (at !== undefined) {
        address = at;
        // Before it listens the doctor would have its port.
        doctor.look();
      }
      if (now === undefined) return;
      if (statesOf(now) !== statesOf(parts.get(source))) changed();
      parts.set(source, now);
    },
    gone(source) {
      if (parts.delete(source)) changed();
    },
    async use(next) {
      authenticator = await openAdmins(next);
      inForce = next;
      certificates.use(next.config);
      doctor.outdated();
      changed();
    },
    close: stop,
  };
}

/** What is more than numbers of what a process has open. */
function statesOf(parts: Parts | undefined): string {
  const all = [...(parts?.upstreams ?? []), ...(parts?.plugins ?? [])];
  return JSON.stringify(all.map(({ name, state, error }) => [name, state, error]));
}

function warn(log: Logger, { code, remedy, message }: SallyError): void {
  log.warn(
    { code, remedy },
    `'sallyport console' and 'sallyport top' will not find this gateway: ${message}`,
  );
}

interface LocalDeps {
  readonly state: () => Promise<ConsoleState>;
  readonly streams: EventStreams;
  readonly link: () => string;
}

/** What is asked over the socket, which only the user that this runs as may connect to. */
function localPages({ state, streams, link }: LocalDeps): Handler {
  return async (request, response) => {
    const path = pathOf(request);
    if (path === '/link') return sendJson(response, 200, { link: link() });
    if (path === '/state') return sendJson(response, 200, await state());
    if (path === '/events') return streams.open(request, response, async () => true);
    return sendJson(response, 404, { error: `no ${path} here` });
  };
}
