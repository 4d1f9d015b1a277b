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
  /** What is allowed but deserves to be seen: logged by whoever loads the file. */
  readonly warnings: readonly SallyError[];
}
