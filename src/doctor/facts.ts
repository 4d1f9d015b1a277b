import type { X509Certificate } from 'node:crypto';
import type { ConfigSide, GatewayConfigOptions, PluginsConfig, ServerTlsSettings } from '../config/index.js';
import type { SallyError } from '../errors.js';
import type { Logger } from '../log.js';
import type { CheckReport, RotationStatus } from '../pki/index.js';
import type { CredentialFiles, CredentialSet, CredentialStore, TlsRole } from '../tls/index.js';

/** What looking at things needs of its surroundings. */
export interface DoctorContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly now: () => Date;
  /** For each single probe. */
  readonly timeoutMs: number;
  readonly credentials: CredentialStore;
  /** What a gateway of a configuration would find; undefined where there is none in it. */
  readonly gateway?: (
    config: PluginsConfig,
    options: { readonly timeoutMs: number; readonly log: Logger },
  ) => Promise<GatewayLook | undefined>;
  /** Runs the tests of the rules of a gateway; undefined where there is none in the configuration. */
  readonly ruleTests?: (config: PluginsConfig) => Promise<RuleTestsLook | undefined>;
  /** What a plugin's module may take to load, of waiting or of the processor's time. */
  readonly loadWithinMs?: number;
  /** The program in which plugins are loaded. Default: the one of this package. */
  readonly loader?: URL;
  /** Asks for what a list of servers has as `${input:…}`, as a gateway on a terminal does. */
  readonly ask?: GatewayConfigOptions['ask'];
  /** Hears what is looked at, and of how many servers the look has ended. */
  readonly onLook?: (what: string, done: number, wanted: number) => void;
}

/** What was found out about one thing. Checks are functions of these. */
export type Facts =
  | ConfigFacts
  | CredentialFacts
  | FolderFacts
  | PairFacts
  | ListenerFacts
  | EndpointFacts
  | SessionFacts;

/** What came of reaching one upstream. */
export interface UpstreamLook {
  readonly name: string;
  /** Of MCP, where it was reached. */
  readonly revision?: string;
  /** In its place: what was found of one of which each user has sessions of its own. */
  readonly seen?: string;
  readonly problem?: ProblemText;
}

/** Why something is not as it should be; errors of the registry are of this shape. */
export type ProblemText = Pick<SallyError, 'code' | 'message' | 'remedy'>;

/** What a gateway finds at its upstreams, the conditions in its file that no call can meet, and whether it can tell who calls. */
export interface GatewayLook {
  readonly upstreams: readonly UpstreamLook[];
  readonly unmatched: readonly SallyError[];
  readonly auth: { readonly problem?: ProblemText; readonly remarks: readonly ProblemText[] };
  /** What is wrong with the files of OAuth towards upstreams; undefined where there is none. */
  readonly oauth?: { readonly problems: readonly ProblemText[]; readonly remarks: readonly ProblemText[] };
  /** The lock on tools; absent without one. */
  readonly lock?: {
    readonly file: string;
    readonly problem?: ProblemText;
    readonly differing: readonly ProblemText[];
  };
}

interface Subject {
  /** How a line names it. */
  readonly title: string;
  /** What this is: a failure here explains those of everything that has one of these in `within`. */
  readonly keys: readonly string[];
  /** What this rests on, beside itself. */
  readonly within: readonly string[];
}

/** A variable that says something else than the file. */
export interface Override {
  readonly variable: string;
  readonly key: string;
  readonly says: string;
  readonly file: string;
  /** What comes of it, where it breaks or weakens what the file says. */
  readonly harm?: string;
}

/** What came of loading one plugin, as the program would; an external one is loaded elsewhere. */
export interface PluginFacts {
  readonly name: string;
  readonly problem?: ProblemText;
  /** What its code looks like, while nothing but running it could say. */
  readonly doubt?: ProblemText;
}

export interface ConfigFacts extends Subject {
  readonly kind: 'config';
  readonly path: string;
  readonly side: ConfigSide;
  /** Absent where it is not valid. */
  readonly config?: PluginsConfig;
  readonly problem?: SallyError;
  readonly overrides: readonly Override[];
  /** Those that are not disabled. */
  readonly plugins: readonly PluginFacts[];
  /** Absent where it is no gateway's, or nobody here can look. */
  readonly gateway?: GatewayLook;
  /** Absent where none is kept. */
  readonly audit?: AuditLook;
  /** Absent where it is no gateway's, or nobody here can try them. */
  readonly ruleTests?: RuleTestsLook;
  /** Of a list of servers as editors keep it: those of it that a gateway leaves out. */
  readonly leftOut?: readonly ProblemText[];
}

/** What came of the `rule_tests` of a gateway. */
export interface RuleTestsLook {
  readonly run: number;
  /** One for each that fails. */
  readonly problems: readonly ProblemText[];
}

/** The audit log of a gateway: what keeps it from being written, and what weakens it. */
export interface AuditLook {
  readonly file: string;
  readonly problems: readonly ProblemText[];
  readonly warnings: readonly ProblemText[];
}

/** The files of one side, as its program would load them. */
export interface CredentialFacts extends Subject {
  readonly kind: 'credentials';
  readonly role: TlsRole;
  readonly files: CredentialFiles;
  /** Absent where they do not load. */
  readonly set?: CredentialSet;
  /** Why they do not load, or what deserves to be seen of those that do. */
  readonly problems: readonly SallyError[];
}

export interface FolderFacts extends Subject {
  readonly kind: 'folder';
  readonly dir: string;
  readonly report: CheckReport;
  /** Absent where the CA is not in this folder, as on a host that has but its own certificate. */
  readonly rotation?: RotationStatus | undefined;
  /** Plugins that have certificates and no entry in any file that was looked at; undefined where none names plugins. */
  readonly strays: readonly string[] | undefined;
  /** Whether a file that was looked at makes this the machine of a server. */
  readonly besideServer: boolean;
  readonly now: Date;
}

/** The two ends of a connection, both of whose files are here. */
export interface PairFacts extends Subject {
  readonly kind: 'pair';
  readonly plugin: string;
  readonly url: URL;
  readonly serverFile: string;
  readonly serverPort: number;
  /** The plugins of the server's file, by name. */
  readonly serverHas: readonly string[];
  readonly bundles: { readonly client: readonly string[]; readonly server: readonly string[] };
  /** What the server would say of our certificate, and we of its. */
  readonly saidThere?: SallyError;
  readonly saidHere?: SallyError;
}

/** What came of opening a session as a gateway does: with an upstream, or with a plugin server that is no URL of the network. */
export interface SessionFacts extends Subject {
  readonly kind: 'session';
  readonly with: 'upstream' | 'plugin server';
  readonly problem?: ProblemText;
  /** What it said of itself, where it is there. */
  readonly seen: string;
}

/** Whether a port answers. */
export type PortState =
  | { readonly kind: 'open' }
  | { readonly kind: 'closed'; readonly code: string }
  | { readonly kind: 'unknown' };

/** What came back on a request that was sent over a bare connection. */
export interface RawReply {
  readonly status: number;
  readonly date?: Date;
  readonly body: string;
}

/** What a TLS handshake without a client certificate brought to light. */
export type TlsLook =
  | {
      readonly kind: 'spoken';
      readonly protocol: string;
      readonly cipher: string;
      readonly chain: readonly X509Certificate[];
      /** The reply to a request; absent where the server let nothing pass. */
      readonly reply?: RawReply;
    }
  | { readonly kind: 'failed'; readonly error: SallyError };

/** Where the program of a configuration is to listen. */
export interface ListenerFacts extends Subject {
  readonly kind: 'listener';
  readonly what: 'the plugin server' | 'the gateway';
  readonly host: string;
  readonly port: number;
  readonly tls: ServerTlsSettings | undefined;
  readonly certificate: X509Certificate | undefined;
  readonly main: PortState;
  /** What it would fail with, where nothing listens yet. */
  readonly cannotListen?: SallyError;
  readonly look?: TlsLook;
  readonly health: PortState;
  /** Without TLS, of the main port. */
  readonly healthReply?: RawReply;
}

/** One server, as it looks from here. */
export interface EndpointFacts extends Subject {
  readonly kind: 'endpoint';
  readonly url: URL;
  /** The server as a sentence names it. */
  readonly peer: string;
  /** Absent: no certificate of ours was shown. */
  readonly own?: CredentialFacts;
  /** Whether the chain of the server can be judged: there is a bundle, and `verify` is on. */
  readonly judged: boolean;
  readonly plugin?: string;
  readonly addresses: readonly string[];
  readonly ports: readonly { readonly address: string; readonly state: PortState }[];
  /** Addresses of this machine on which the port is open, though not on those of the URL. */
  readonly elsewhere: readonly string[];
  readonly resolveError?: SallyError;
  readonly connectError?: SallyError;
  /** The proxy that it is reached through: only the calls are made then. */
  readonly proxy?: string;
  readonly look?: TlsLook;
  /** The protocol older than TLS 1.2 that the server took. */
  readonly oldProtocol?: string;
  /** What it answers in plain HTTP. */
  readonly plain?: RawReply;
  /** Whether it is the health port of a server, in plain HTTP. */
  readonly healthOnly: boolean;
  /** What is found wrong with the certificate that it shows. */
  readonly shown: readonly SallyError[];
  /** What the calls that a gateway makes end with, the first without any allowance. */
  readonly calls: readonly SallyError[];
  /** The plugins that it names; undefined where it could not be asked. */
  readonly plugins?: readonly string[];
  readonly health?: RawReply;
  /** Addresses other than loopback on which the plain health endpoint of this machine answers. */
  readonly healthOpen: readonly string[];
  /** What its clock says, and ours at that time. */
  readonly clock?: { readonly theirs: Date; readonly here: Date };
}
