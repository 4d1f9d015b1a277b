import type { SallyError } from '../errors.js';
import type { OnError, PluginMode } from './modes.js';

/** When a plugin runs: every present field must match. Names as the YAML and the wire have them. */
export interface Condition {
  readonly server_ids?: readonly string[];
  readonly tenant_ids?: readonly string[];
  readonly tools?: readonly string[];
  readonly prompts?: readonly string[];
  readonly resources?: readonly string[];
  readonly agents?: readonly string[];
  readonly user_patterns?: readonly string[];
  readonly content_types?: readonly string[];
}

/** TLS as the gateway uses it towards one plugin server. Paths are absolute. */
export interface ClientTlsSettings {
  readonly certfile?: string;
  readonly keyfile?: string;
  readonly keyfilePassword?: string;
  /** Absent only where `verify` is false: the system's roots are never trusted. */
  readonly caBundle?: string;
  readonly verify: boolean;
  readonly checkHostname: boolean;
  /** Verify the certificate against this name in place of the URL's host. */
  readonly serverName?: string;
  /** `plugin`, `host`, or the name of the plugin whose certificate the server shows. */
  readonly identity?: string;
  readonly crlFile?: string;
  /** `sha256/…`; never empty. */
  readonly pins?: readonly string[];
}

/** Client certificate: 0 not asked for, 1 must verify if presented, 2 required. */
export type SslCertReqs = 0 | 1 | 2;

/** TLS as the plugin server offers it. Paths are absolute. */
export interface ServerTlsSettings {
  readonly certfile: string;
  readonly keyfile: string;
  readonly keyfilePassword?: string;
  /** Absent only with `sslCertReqs` 0. */
  readonly caBundle?: string;
  readonly sslCertReqs: SslCertReqs;
  /** Patterns; never empty. */
  readonly allowedClients?: readonly string[];
  readonly crlFile?: string;
  /** `sha256/…`; never empty. */
  readonly pins?: readonly string[];
}

/** How an external plugin's server is reached. Paths are absolute. */
export type McpSettings =
  | {
      readonly transport: 'http';
      readonly url: URL;
      /** Present exactly where the URL is https. */
      readonly tls?: ClientTlsSettings;
    }
  | {
      /** HTTP over a Unix domain socket. The host of `url` only fills the Host header. */
      readonly transport: 'uds';
      readonly socketPath: string;
      readonly url: URL;
    }
  | {
      /** A child process that speaks MCP over its standard input and output. */
      readonly transport: 'stdio';
      readonly command: string;
      readonly args: readonly string[];
      /** Set for the child over the few variables that it inherits. */
      readonly env: Readonly<Record<string, string>>;
      readonly cwd?: string;
    };

/**
 * One entry of `plugins`. Optional fields are those that the file left out: for an external plugin the
 * plugin server's own value then counts, for any other the contract's default.
 */
export interface PluginEntry {
  readonly name: string;
  readonly kind: string;
  readonly description?: string;
  readonly author?: string;
  readonly namespace?: string;
  readonly version?: string;
  readonly hooks?: readonly string[];
  readonly tags?: readonly string[];
  readonly mode?: PluginMode;
  readonly on_error?: OnError;
  readonly priority?: number;
  readonly conditions?: readonly Condition[];
  readonly applied_to?: unknown;
  readonly max_content_size?: number;
  readonly capabilities?: unknown;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Present exactly where `kind` is `external`. */
  readonly mcp?: McpSettings;
}

/** `plugin_settings`, with the contract's defaults. */
export interface PluginSettings {
  /** Per plugin and hook call, in milliseconds. Default 30,000. */
  readonly pluginTimeoutMs: number;
  /** Any plugin error blocks, whatever the mode says. */
  readonly failOnPluginError: boolean;
  readonly parallelExecutionWithinBand: boolean;
  readonly pluginHealthCheckIntervalMs: number;
  /** Timeouts in a row after which a plugin server is probed; 0: never. */
  readonly awayAfterTimeouts: number;
  /** The longest pause between probes of one that is away. */
  readonly probeIntervalMs: number;
}

/** Where and how the plugin server serves. */
export interface ServerSettings {
  readonly transport: 'http' | 'stdio';
  readonly host: string;
  readonly port: number;
  /** Serve on this Unix domain socket in place of host and port; never together with `tls`. */
  readonly uds?: string;
  readonly tls?: ServerTlsSettings;
}

/** How an upstream MCP server is reached, and what of it is offered. Paths are absolute. */
export type UpstreamSettings = UpstreamOffer &
  (
    | {
        readonly transport: 'http';
        readonly url: URL;
        /** Sent with every request, such as a token of the upstream's own. Secret. */
        readonly headers: Readonly<Record<string, string>>;
        /** Absent for http, and for https without a `tls` block: the system's roots are trusted then. */
        readonly tls?: ClientTlsSettings;
      }
    | {
        readonly transport: 'stdio';
        readonly command: string;
        readonly args: readonly string[];
        /** Set for the child over the few variables that it inherits. */
        readonly env: Readonly<Record<string, string>>;
        readonly cwd?: string;
      }
  );

interface UpstreamOffer {
  readonly name: string;
  /** Whether names are offered as `<upstream>__<name>`; `auto`: where there are several upstreams. */
  readonly prefix: 'always' | 'never' | 'auto';
  /** Patterns (`*` stands for any text) of the names of tools and prompts and the URIs of resources that are offered. Empty: all. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** For one request, in milliseconds. Default 60,000; progress starts it anew. */
  readonly timeoutMs: number;
}

/** Who may call the gateway. */
export type AuthSettings =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'bearer';
      /** The file that `sallyport token` writes: hashes of tokens, each with its user and tenant. */
      readonly tokensFile: string;
    }
  | {
      readonly kind: 'jwt';
      readonly issuer: string;
      readonly audience: string;
      /** A URL or a file. */
      readonly jwks: { readonly url: URL } | { readonly file: string };
      readonly userClaim: string;
      readonly tenantClaim?: string;
      readonly scopes: readonly string[];
      /** The gateway's own address, as protected-resource metadata names it (RFC 9728). */
      readonly resource?: URL;
    }
  | {
      readonly kind: 'mtls';
      /** The first entry whose pattern matches the certificate counts; without entries its own name is the user. */
      readonly users: readonly {
        readonly match: string;
        /** Absent: the name that matched. */
        readonly user?: string;
        readonly tenant?: string;
      }[];
    };

/** What the gateway takes at most. More is answered with 429 (one user's doing) or 503, and `Retry-After`. */
export interface GatewayLimits {
  /** Of one request, in bytes. */
  readonly bodyBytes: number;
  readonly concurrentCalls: number;
  readonly concurrentCallsPerUser: number;
  readonly sessions: number;
  readonly sessionsPerUser: number;
  /** A session without a request and without an open stream ends after this. */
  readonly sessionIdleMs: number;
  /** Requests that wait for one upstream. */
  readonly upstreamQueue: number;
}

/** The `gateway` block. */
export interface GatewaySettings {
  readonly host: string;
  readonly port: number;
  readonly tls?: ServerTlsSettings;
  readonly auth: AuthSettings;
  /** Said in so many words: anyone who reaches the address may call. */
  readonly allowUnauthenticated: boolean;
  /** Host names and origins that are served beside the address itself: the names a proxy or browser uses. */
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly upstreams: readonly UpstreamSettings[];
  /** How much of a failure clients are told. */
  readonly failures: 'brief' | 'full';
  readonly limits: GatewayLimits;
}

/** A plugin file and the variables that override it, as one immutable value. */
export interface PluginsConfig {
  /** Absolute path of the file. */
  readonly path: string;
  /** The folder that relative plugin modules are looked up from, after the working directory. */
  readonly folder: string;
  /** The working directory that relative paths were taken from. */
  readonly cwd: string;
  readonly plugins: readonly PluginEntry[];
  readonly settings: PluginSettings;
  readonly server: ServerSettings;
  /** Absent where the file has no `gateway` block, and where it is read for a plugin server. */
  readonly gateway?: GatewaySettings;
  /** What is allowed but deserves to be seen: logged by whoever loads the file. */
  readonly warnings: readonly SallyError[];
}

/** The configuration of a gateway: its block is there, with one upstream at least. */
export type GatewayConfig = PluginsConfig & { readonly gateway: GatewaySettings };
