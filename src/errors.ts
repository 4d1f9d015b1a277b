/**
 * Every way in which the program can fail, in one file: a stable code, what happened with the value
 * seen, and what to do next. Nothing outside this file constructs a bare `Error`.
 */

/** Exit status of the command: 1 the answer is no, 2 wrong use, 3 the environment is broken. */
export type ExitStatus = 1 | 2 | 3;

/** What an error is made from, as its example declares it; of a list, a caller may have one that it must not change. */
type Context<C extends object> = {
  readonly [K in keyof C]: C[K] extends readonly string[] ? Readonly<C[K]> : C[K];
};
type Text<C extends object> = string | ((context: Context<C>) => string);

interface ErrorSpec<C extends object> {
  /** What happened, with the value seen. One sentence, no full stop. */
  readonly message: Text<C>;
  /** The next thing to do: a command where there is one. */
  readonly remedy: Text<C>;
  /** Exit status of a command that ends with this error. Default 3. */
  readonly exit?: ExitStatus;
  /** JSON-RPC error code where an MCP client sees it. Default -32603 (internal error). */
  readonly jsonRpc?: number;
  /** HTTP status where an HTTP client sees it. Default 500. */
  readonly http?: number;
  /** That it is about what the client itself has sent or had: it is told all of it. Any other is told its code alone. */
  readonly toClient?: true;
  /** One realistic context. It declares the context's type, and the reference table and the registry's test are made from it. */
  readonly example: C;
}

interface SallyErrorFields {
  readonly code: string;
  readonly remedy: string;
  readonly exitStatus: ExitStatus;
  readonly jsonRpcCode: number;
  readonly httpStatus: number;
  readonly toClient: boolean;
  readonly context: object;
}

/**
 * An error of the registry. `message` says what happened, `remedy` what to do next, `code` is stable
 * across versions and worth searching for.
 *
 * @example
 * ```ts
 * import { SallyError } from 'sallyport';
 *
 * export function explain(error: unknown): string {
 *   return error instanceof SallyError ? `${error.code}: ${error.message}\n${error.remedy}` : String(error);
 * }
 * ```
 */
export class SallyError extends Error implements SallyErrorFields {
  override readonly name = 'SallyError';
  readonly code: string;
  readonly remedy: string;
  readonly exitStatus: ExitStatus;
  readonly jsonRpcCode: number;
  readonly httpStatus: number;
  /** Whether it is about what an MCP client itself has sent or had, so that it may read all of it. */
  readonly toClient: boolean;
  /** The values the message was made from, as the registry entry declares them. */
  readonly context: object;

  constructor(message: string, fields: SallyErrorFields, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = fields.code;
    this.remedy = fields.remedy;
    this.exitStatus = fields.exitStatus;
    this.jsonRpcCode = fields.jsonRpcCode;
    this.httpStatus = fields.httpStatus;
    this.toClient = fields.toClient;
    this.context = fields.context;
  }
}

/** One entry of the registry: call it to make the error, ask it whether an error is one of its own. */
export interface ErrorDefinition<C extends object> {
  (context: C, cause?: unknown): SallyError;
  readonly code: string;
  readonly example: C;
  is(error: unknown): error is SallyError & { readonly context: C };
}

const registry: ErrorDefinition<never>[] = [];

function defineError<C extends object>(
  code: `SALLY_${string}`,
  spec: ErrorSpec<C>,
): ErrorDefinition<Context<C>> {
  const text = (of: Text<C>, context: Context<C>) => (typeof of === 'string' ? of : of(context));
  const make = (context: Context<C>, cause?: unknown): SallyError => {
    const error = new SallyError(
      text(spec.message, context),
      {
        code,
        remedy: text(spec.remedy, context),
        exitStatus: spec.exit ?? 3,
        jsonRpcCode: spec.jsonRpc ?? -32603,
        httpStatus: spec.http ?? 500,
        toClient: spec.toClient ?? false,
        context,
      },
      cause,
    );
    // The stack begins where the error was made, not here.
    Error.captureStackTrace(error, make);
    return error;
  };
  const definition: ErrorDefinition<Context<C>> = Object.assign(make, {
    code,
    example: spec.example,
    is: (error: unknown): error is SallyError & { readonly context: Context<C> } =>
      error instanceof SallyError && error.code === code,
  });
  registry.push(definition as unknown as ErrorDefinition<never>);
  return definition;
}

type Kind = Pick<ErrorSpec<object>, 'exit' | 'jsonRpc' | 'http' | 'toClient'>;

/** `defineError` for errors that have these fields in common. */
const kindOf =
  (kind: Kind) =>
  <C extends object>(code: `SALLY_${string}`, spec: ErrorSpec<C>) =>
    defineError(code, { ...kind, ...spec });

/** The command did its work, and the answer is no. */
const defineRefusal = kindOf({ exit: 1 });
/** The command, or what it was given, has to be written otherwise. */
const defineMisuse = kindOf({ exit: 2 });
/** A client has sent what is no message that can be read. */
const defineBadMessage = kindOf({ exit: 2, jsonRpc: -32600, http: 400, toClient: true });
/** A client asks for what is not to be had, or asks wrongly. */
const defineBadParams = kindOf({ jsonRpc: -32602, http: 400, toClient: true });
/** A client has had what it may have, or is too slow or gone. */
const defineClientError = kindOf({ exit: 1, toClient: true });
/** A person did not let a call go on. */
const defineApproval = kindOf({ exit: 1, jsonRpc: -32003, http: 403, toClient: true });
/** What came from an upstream is of no use. */
const defineUpstreamError = kindOf({ http: 502 });

/** Every definition, in the order of this file. The reference table is generated from it. */
export function errorDefinitions(): readonly ErrorDefinition<object>[] {
  return registry as unknown as readonly ErrorDefinition<object>[];
}

/** The error of the registry within `error` or its chain of causes, if there is one. */
export function findSallyError(error: unknown): SallyError | undefined {
  try {
    let current = error;
    for (let depth = 0; depth < 8 && current instanceof Error; depth += 1) {
      if (current instanceof SallyError) return current;
      current = current.cause;
    }
  } catch {
    // What a plugin throws may have a getter that throws in its place.
  }
  return undefined;
}

/**
 * The text of anything that was thrown, or that a peer sent: `message` of an Error, otherwise the value itself. `String()`
 * throws where it has a `toString` that is no function, which JSON can say too.
 */
export function messageOf(error: unknown): string {
  try {
    const { message } = Object(error) as { message?: unknown };
    return typeof message === 'string' ? message : String(error);
  } catch {
    return 'something without a text';
  }
}

/** `messageOf`, and the texts of what caused it where they say more: `fetch failed: connect ECONNREFUSED 127.0.0.1:9`. */
export function messageWithCauses(error: unknown): string {
  const texts: string[] = [];
  try {
    for (let one = error, depth = 0; one !== undefined && one !== null && depth < 4; depth += 1) {
      const { code, cause, errors } = Object(one) as NodeJS.ErrnoException & { errors?: readonly unknown[] };
      const text = messageOf(one) || String(code ?? '');
      if (text !== '' && !texts.some((before) => before.includes(text))) texts.push(text);
      // Where a name has several addresses, each has failed by itself.
      one = cause ?? errors?.[0];
    }
  } catch {
    // A getter may throw in place of what it is asked for.
  }
  return texts.join(': ') || messageOf(error);
}

/** A pipe that no program has open to write to it: nothing will come out of it. */
export const pipeUnwritten = 'it is a named pipe, and nobody writes to it';

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is not a folder',
  ELOOP: 'too many symbolic links',
};

/** A file in a folder that is not there either: what made it anew would make all of a folder that nobody meant. */
export const noFolder = (folder: string): string => `there is no folder ${folder}`;

/** A file that is there and leads nowhere. */
export const danglingLink = 'it is a link to a file that is not there';

/** Why a file that could be opened is not read, as `node:fs` would throw it. */
export const fileRefused = (reason: string): Error => new Error(reason);

/** Why a file could not be read or written, in words: what Node adds are the code, the call and the path again. */
export function fileReason(error: unknown): string {
  const known = fileReasons[(error as NodeJS.ErrnoException).code ?? ''];
  return known ?? messageOf(error).replace(/^E[A-Z0-9]+: (.+?), \w+(?: '.*)?$/s, '$1');
}

const isoTime = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');

/** A text as a shell reads it as one word: in quotes where it has more than what file names usually have. */
export const shellWord = (text: string): string =>
  /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const folderOf = (path: string): string =>
  path.replace(/\/?[^/]*$/, '') || (path.startsWith('/') ? '/' : '.');

/** A command of `sallyport certs` on the folder `dir`, which is named unless it is the default. */
const certsCommand = (words: string, dir = 'certs/mcp'): string =>
  `sallyport certs ${words}${dir === 'certs/mcp' ? '' : ` --dir ${shellWord(dir)}`}`;

/** The folder of certificates in which a file lies, and whose it is there; neither where no folder is laid out so. */
function certsPlaceOf(path: string): {
  readonly dir?: string;
  readonly name?: string;
  readonly file?: string;
} {
  const place =
    /^(?:(?<dir>.*)\/)?(?:(?<role>ca|gateway)|plugins\/(?<plugin>[^/]+))\/(?<file>(?:ca|client|server)\.(?:crt|crl|key|pem))$/;
  const found = place.exec(path)?.groups;
  if (found === undefined) return {};
  return {
    dir: found['dir'] === '' ? '/' : (found['dir'] ?? '.'),
    name: found['role'] ?? found['plugin'] ?? '',
    file: found['file'] ?? '',
  };
}

/** What fills in a file that is missing, of a folder that `sallyport certs` makes. */
function filling(path: string): string | undefined {
  const { dir, name, file = '' } = certsPlaceOf(path);
  if (name === undefined) return undefined;
  if (file.endsWith('.crl')) return certsCommand('crl', dir);
  if (file.endsWith('.key')) return name === 'ca' ? undefined : certsCommand(`renew ${shellWord(name)}`, dir);
  const make = certsCommand(name === 'ca' || name === 'gateway' ? name : `plugin ${shellWord(name)}`, dir);
  // The file that holds both would not fit a certificate that is new.
  const both = path.replace(/client\.crt$/, 'client.pem');
  return both === path ? make : `rm -f ${shellWord(both)} && ${make}`;
}

/** What makes a file anew of which nothing can be used. */
function remaking(path: string): string | undefined {
  const fill = filling(path);
  const { name, file } = certsPlaceOf(path);
  if (fill === undefined || name === 'ca') return undefined;
  if (file?.endsWith('.key') || file?.endsWith('.crl')) return fill;
  const gone =
    file === 'ca.crt' ? `rm ${shellWord(path)}` : `rm -r ${shellWord(path.replace(/\/[^/]*$/, ''))}`;
  return `${gone} && ${fill}`;
}

/** What to do about a CA that has ended: nothing follows it, and everything that it issued has ended with it. */
function anew(path: string): string {
  const { dir, name } = certsPlaceOf(path);
  if (name === undefined) return `put a CA that has not ended into ${path}, and issue its certificates anew`;
  const folders = ['ca', 'gateway', 'plugins'].map((folder) =>
    shellWord(`${dir === '/' ? '' : dir}/${folder}`),
  );
  return `where the CA is kept, start anew: rm -rf ${folders.join(' ')} && ${certsCommand('all', dir)}`;
}

/**
 * What renews the certificate in the file `path`: a command, where the folders are those that `sallyport certs` makes. `force`:
 * though it is not due.
 */
function renewal(path: string, force = false): string {
  const { dir, name } = certsPlaceOf(path);
  if (/(^|\/)ca\.crt$/.test(path))
    return `${certsCommand('ca-rotate prepare', dir)}, then activate and retire`;
  if (name !== undefined) return certsCommand(`renew ${shellWord(name)}${force ? ' --force' : ''}`, dir);
  return `issue ${path} again with the tool that made it, or: sallyport certs renew --all`;
}

/** The gateway or the plugin that a certificate of `sallyport certs` is for, by its subject or its names. */
function holderIn(text = ''): string | undefined {
  const [, plugin] = /\bCN[=:]mcp-plugin-([\w.-]+)/.exec(text) ?? /\/plugin\/([\w.-]+)/.exec(text) ?? [];
  return plugin ?? (/\bCN[=:]mcp-gateway-client\b/.test(text) ? 'gateway' : undefined);
}

/** What gives the other side of a connection another certificate, by a command for where its CA is. */
const renewalThere = (subject: string | undefined, force: boolean): string =>
  force && holderIn(subject) === undefined
    ? 'sallyport certs renew --all --force'
    : `sallyport certs renew ${shellWord(holderIn(subject) ?? '--all')}${force ? ' --force' : ''}`;

/** What openssl connects to, to see what a peer says: its host and port, where it is a server. */
function connectTo(peer: string): string {
  const [, host, port] = /https?:\/\/(\[[^\]]*\]|[^:/\s]+)(?::(\d+))?/.exec(peer) ?? [];
  return host === undefined ? 'localhost:8000' : `${host}:${port ?? 443}`;
}

// What examples have in common.
const pluginServer = 'the plugin server https://localhost:8000';
const client = 'the client 127.0.0.1:40312';
const clientCrt = 'certs/mcp/gateway/client.crt';
const clientKey = 'certs/mcp/gateway/client.key';
const caCrt = 'certs/mcp/gateway/ca.crt';
const caCrl = 'certs/mcp/gateway/ca.crl';
const serverCrt = 'certs/mcp/plugins/MyPlugin/server.crt';
const caName = 'CN=Sallyport MCP CA, O=Sallyport';

// ─── Use of the command ──────────────────────────────────────────────────────────────────────────

export const UsageError = defineMisuse('SALLY_USAGE', {
  message: (c) => c.message,
  remedy: (c) => c.usage,
  example: { message: "unknown option '--prot'", usage: 'sallyport serve --help' },
});

export const InternalError = defineError('SALLY_INTERNAL', {
  message: (c) => `something happened that should not: ${c.detail}`,
  remedy: 'this is a defect of Sallyport: report it with the log at LOG_LEVEL=DEBUG',
  example: { detail: 'Cannot read properties of undefined' },
});

/** What the system gives no more of, and what to do: by the codes of Node. */
const systemLimits: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  EMFILE: [
    'this process may open no more files or connections (EMFILE)',
    'raise its limit: ulimit -n in the shell that starts it, LimitNOFILE= in its unit; or have it serve less: gateway.limits',
  ],
  ENFILE: [
    'this machine may open no more files or connections (ENFILE)',
    'see what has them: cat /proc/sys/fs/file-nr; raise fs.file-max',
  ],
  ENOSPC: ['there is no space left on the device (ENOSPC)', 'make room: df -h shows where there is none'],
  ENOMEM: [
    'there is no memory left (ENOMEM)',
    'give the process more, or have it serve less: gateway.limits',
  ],
};

export const SystemLimit = defineError('SALLY_SYSTEM_LIMIT', {
  message: (c) => `${systemLimits[c.code]?.[0] ?? c.code}: ${c.detail}`,
  remedy: (c) => systemLimits[c.code]?.[1] ?? 'see what this machine has left',
  example: { code: 'EMFILE', detail: 'open tokens.json' },
});

/** The error of the registry that anything thrown is: its own, that of a limit of the system, or a defect. */
export function asSallyError(thrown: unknown): SallyError {
  const known = findSallyError(thrown);
  if (known) return known;
  const { code = '' } = Object(thrown) as NodeJS.ErrnoException;
  const detail = messageOf(thrown);
  return Object.hasOwn(systemLimits, code)
    ? SystemLimit({ code, detail }, thrown)
    : InternalError({ detail }, thrown);
}

// ─── JSON from elsewhere (json/) ─────────────────────────────────────────────────────────────────

export const JsonTooDeep = defineBadMessage('SALLY_JSON_DEPTH', {
  message: (c) => `${c.what} is nested deeper than ${c.limit} levels`,
  remedy: 'nest it less: lists and objects within each other count a level each',
  example: { what: 'the message', limit: 64 },
});

export const JsonTooManyKeys = defineBadMessage('SALLY_JSON_KEYS', {
  message: (c) => `an object in ${c.what} has more than ${c.limit} keys`,
  remedy: 'send a list where there are so many of a kind',
  example: { what: 'the message', limit: 10_000 },
});

export const JsonDuplicateKey = defineBadMessage<{ what: string; key: string | undefined }>(
  'SALLY_JSON_DUPLICATE_KEY',
  {
    message: (c) =>
      `${c.key === undefined ? 'a key' : `the key ${JSON.stringify(c.key.slice(0, 100))}`} stands twice in an object of ${c.what}`,
    remedy:
      'send each key once, however it is escaped: one reader would take the first value, another the last',
    example: { what: 'the message', key: 'arguments' },
  },
);

// ─── Certificates on disk (pki/) ─────────────────────────────────────────────────────────────────

export const PluginNameInvalid = defineMisuse('SALLY_CERT_PLUGIN_NAME', {
  message: (c) => `no certificate can be made for the plugin name ${JSON.stringify(c.name)}: ${c.reason}`,
  remedy:
    'a name has 1 to 52 letters, digits, hyphens, underscores and dots, as a host name would: MyPlugin, my-plugin.v2',
  example: { name: '../evil', reason: 'it contains "/"' },
});

export const PluginNamesClash = defineMisuse('SALLY_CERT_PLUGIN_NAMES_CLASH', {
  message: (c) =>
    `the plugin names ${c.first} and ${c.second} differ only in letter case, which DNS names and some file systems ignore`,
  remedy: 'rename one of the two',
  example: { first: 'MyPlugin', second: 'myplugin' },
});

export const DaysInvalid = defineMisuse('SALLY_CERT_DAYS', {
  message: (c) => `${JSON.stringify(c.value)} is not a number of days`,
  remedy: (c) =>
    `give an integer from ${c.least} to ${c.most}, digits only: --${c.least === 0 ? 'warn-days 14' : 'days 825, or MCP_CERT_DAYS=825'}`,
  example: { value: '1e3', least: 1, most: 36_500 },
});

export const SansInvalid = defineMisuse('SALLY_CERT_SANS', {
  message: (c) => `${JSON.stringify(c.entry)} cannot be a subject alternative name: ${c.reason}`,
  remedy:
    'write a list such as MCP_CERT_SANS="IP:127.0.0.1,DNS:plugin.internal,URI:https://plugin.internal/"',
  example: { entry: 'DNS:127.0.0.1', reason: 'an address never matches a DNS name: write IP:127.0.0.1' },
});

export const KeyTypeInvalid = defineMisuse('SALLY_CERT_KEY_TYPE', {
  message: (c) => `${JSON.stringify(c.value)} is not a type of key`,
  remedy: (c) => `choose one of ${c.allowed.join(', ')} with --key or MCP_CERT_KEY`,
  example: { value: 'rsa-1024', allowed: ['rsa-4096', 'ec-p256'] },
});

export const TrustDomainInvalid = defineMisuse('SALLY_CERT_TRUST_DOMAIN', {
  message: (c) => `${JSON.stringify(c.value)} is not a SPIFFE trust domain`,
  remedy: 'use lower case letters, digits, dots, hyphens and underscores: --trust-domain example.org',
  example: { value: 'spiffe://Example' },
});

export const CaUnusable = defineError('SALLY_CA_UNUSABLE', {
  message: (c) => `the CA cannot issue certificates: ${c.path} ${c.reason}`,
  remedy: (c) => c.remedy,
  example: {
    path: 'certs/mcp/ca/ca.crt',
    reason: 'expired on Jan 15 10:30:45 2027 GMT',
    remedy: 'to start anew: rm -rf certs/mcp/ca certs/mcp/gateway certs/mcp/plugins && sallyport certs all',
  },
});

export const CertUnusable = defineError<{
  findings: readonly { path: string; detail: string; remedy: string }[];
}>('SALLY_CERT_UNUSABLE', {
  message: (c) =>
    `existing files were left as they are, and nothing was made:\n${c.findings.map((f) => `${f.path} ${f.detail}`).join('\n')}`,
  remedy: (c) => [...new Set(c.findings.map((finding) => finding.remedy))].join('\n'),
  example: {
    findings: [
      {
        path: clientCrt,
        detail: 'was not issued by certs/mcp/ca/ca.crt',
        remedy: 'rm -r certs/mcp/gateway && sallyport certs gateway',
      },
    ],
  },
});

export const CertWriteFailed = defineError('SALLY_CERT_WRITE', {
  message: (c) => `cannot write ${c.path}: ${c.reason}`,
  remedy: 'make room or give this user the right to write there, then run the same command again',
  example: { path: clientKey, reason: 'no space left on device' },
});

export const CertsMissing = defineError('SALLY_CERTS_MISSING', {
  message: (c) => `there are no certificates in ${c.dir}`,
  remedy: (c) => c.remedy,
  example: { dir: 'certs/mcp', remedy: 'sallyport certs all' },
});

export const CaElsewhere = defineError('SALLY_CA_ELSEWHERE', {
  message: (c) => `there are certificates in ${c.dir}, but not their CA: ${c.path} is missing`,
  remedy: (c) =>
    `put the folder of the CA back for as long as this command runs, or run it where ${c.path} is, and copy the folder of this host from there; if that CA is lost, start anew: rm -rf ${shellWord(c.dir)} && ${certsCommand('all', c.dir)}`,
  example: { dir: 'certs/mcp', path: 'certs/mcp/ca/ca.crt' },
});

export const ExpiresInInvalid = defineMisuse('SALLY_CERT_EXPIRES_IN', {
  message: (c) => `${JSON.stringify(c.value)} does not say when a certificate is due`,
  remedy:
    'give the time before its end (--expires-in 30d, 12h, 90m) or the part of its life that is left (--expires-in 33%)',
  example: { value: 'soon' },
});

export const CertUnknown = defineMisuse('SALLY_CERT_UNKNOWN', {
  message: (c) => `nothing in ${c.dir} is known as ${JSON.stringify(c.name)}`,
  remedy: (c) =>
    c.known.length > 0
      ? `name one of ${c.known.join(', ')}, or a file or serial number of a certificate of this CA`
      : `see what there is: ${certsCommand('check', c.dir)}`,
  example: { name: 'MyPlugni', dir: 'certs/mcp', known: ['gateway', 'MyPlugin'] },
});

export const CertsBusy = defineError('SALLY_CERTS_BUSY', {
  message: (c) =>
    `another run changes these certificates, for longer than a minute: ${c.path} is held by ${c.holder}`,
  remedy: (c) => `wait for it to end; if there is no such process any more: rm ${shellWord(c.path)}`,
  example: { path: 'certs/mcp/.lock', holder: 'process 4711' },
});

export const RequestInvalid = defineMisuse('SALLY_CERT_REQUEST', {
  message: (c) => `the request ${c.path} cannot be signed: ${c.reason}`,
  remedy:
    "make one where the key is: openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=MyPlugin' -keyout server.key -out server.csr",
  example: { path: 'server.csr', reason: 'its signature is not of the key in it' },
});

export const RequestInTheWay = defineRefusal('SALLY_CERT_REQUEST_CONFLICT', {
  message: (c) => `the request was not signed: ${c.folder} ${c.reason}`,
  remedy: (c) => c.remedy,
  example: {
    folder: 'certs/mcp/plugins/MyPlugin',
    reason: 'has a certificate for another key',
    remedy: 'where the request is to replace it: sallyport certs plugin MyPlugin --csr server.csr',
  },
});

export const RevocationReasonInvalid = defineMisuse('SALLY_CERT_REASON', {
  message: (c) => `${JSON.stringify(c.value)} is not a reason to revoke a certificate`,
  remedy: (c) => `choose one of ${c.allowed.join(', ')}`,
  example: { value: 'stolen', allowed: ['keyCompromise', 'superseded'] },
});

export const CertAlreadyRevoked = defineRefusal('SALLY_CERT_ALREADY_REVOKED', {
  message: (c) => `${c.name} (serial number ${c.serial}) is revoked since ${isoTime(c.since)}`,
  remedy: (c) =>
    `nothing is left to do here; for a new certificate: ${certsCommand(`renew ${shellWord(c.name)} --force`, c.dir)}`,
  example: { name: 'MyPlugin', dir: 'certs/mcp', serial: '5F3A', since: new Date('2027-01-15T10:30:45Z') },
});

export const CertForeign = defineError('SALLY_CERT_FOREIGN', {
  message: (c) =>
    `${c.path} was issued by ${c.issuer}, which is not in ${c.bundle}: only its own CA can revoke it`,
  remedy: 'revoke it where its CA is; one whose CA is in no ca.crt is not accepted by anyone here',
  example: { path: 'other.crt', issuer: 'CN=Another CA', bundle: 'certs/mcp/ca/ca.crt' },
});

export const CrlUnusable = defineError('SALLY_CERT_CRL', {
  message: (c) => `the revocation list cannot be made or kept: ${c.path} ${c.reason}`,
  remedy: (c) => c.remedy,
  example: {
    path: 'certs/mcp/ca/ca.crl',
    reason: 'is not a list of this CA',
    remedy: 'bring the file back from a backup: what was revoked is known from there alone',
  },
});

export const RotationRefused = defineRefusal('SALLY_CA_ROTATE', {
  message: (c) => [`ca-rotate ${c.step} was not begun: ${c.reason}`, ...c.folders].join('\n'),
  remedy: (c) => c.remedy,
  example: {
    step: 'activate',
    reason: 'the bundle of both CAs has not reached',
    folders: ['certs/mcp/plugins/MyPlugin'],
    remedy: 'sallyport certs ca-rotate prepare',
  },
});

export const ExecFailed = defineError('SALLY_CERT_EXEC', {
  message: (c) => `the command after the renewal failed: ${c.command}: ${c.reason}`,
  remedy: 'run it by hand to see why; it is run again after the next renewal',
  example: { command: 'systemctl reload sallyport', reason: 'exit status 1' },
});

// ─── Configuration (config/) ─────────────────────────────────────────────────────────────────────

/** Where a problem of the configuration is: a place in the file (counted from 1), or a variable. */
export type ConfigPlace =
  | { readonly file: string; readonly line: number; readonly column: number }
  | { readonly variable: string };

/** A place as terminals and editors know it: `file:line:column`, or the variable's name. */
export function placeText(place: ConfigPlace): string {
  return 'variable' in place ? place.variable : `${place.file}:${place.line}:${place.column}`;
}

const inVariable = (variable: string): ConfigPlace => ({ variable });
const inFile = (line: number, column: number): ConfigPlace => ({ file: 'plugins/test.yaml', line, column });

export const ConfigFileUnusable = defineError('SALLY_CONFIG_FILE', {
  message: (c) => `the file ${c.reason}`,
  remedy: "give a YAML text file in UTF-8, of at most 1 MiB, with a list named 'plugins'",
  example: { at: inFile(1, 1), reason: 'is empty' },
});

const isJson = (at: ConfigPlace): boolean => 'file' in at && /\.jsonc?$/i.test(at.file);

export const ConfigSyntax = defineError('SALLY_CONFIG_SYNTAX', {
  message: (c) => `not usable as ${isJson(c.at) ? 'JSON' : 'YAML'}: ${c.detail}`,
  remedy: (c) =>
    c.detail.startsWith('a second document')
      ? 'remove the line of ---, and what follows it where that is another file'
      : isJson(c.at)
        ? 'look at commas, quotes and brackets here and on the line before'
        : 'look at indentation (spaces, no tabs), colons, quotes and brackets here and on the line before',
  example: { at: inFile(4, 3), detail: 'Tabs are not allowed as indentation' },
});

export const ConfigDuplicateKey = defineError('SALLY_CONFIG_DUPLICATE_KEY', {
  message: (c) => `key '${c.key}' is given twice: first at ${placeText(c.first)}`,
  remedy: 'keep one of the two',
  example: { at: inFile(9, 3), key: 'port', first: inFile(8, 3) },
});

export const ConfigUnquotedTemplate = defineError('SALLY_CONFIG_UNQUOTED_TEMPLATE', {
  message: "'{{ … }}' stands without quotes, where braces have a meaning of their own",
  remedy: (c) => `write it in quotes: ${c.quoted}`,
  example: { at: inFile(7, 9), quoted: '"{{ env.PLUGIN_HOST }}"' },
});

export const ConfigTemplate = defineError('SALLY_CONFIG_TEMPLATE', {
  message: (c) => `${c.key}: template not usable: ${c.reason}`,
  remedy: `write {{ env.NAME }} or {{ env.NAME | default('value') }}; a literal '{{' is written {{ '{{' }}`,
  example: { at: inFile(7, 9), key: 'server_settings.host', reason: 'only expressions, no {% … %} blocks' },
});

export const ConfigVariableUnset = defineError('SALLY_CONFIG_VARIABLE_UNSET', {
  message: (c) => `${c.key} takes its value from the variable ${c.variable}, which is not set`,
  remedy: (c) => `set ${c.variable}, or give a default: {{ env.${c.variable} | default('value') }}`,
  example: { at: inFile(7, 9), key: 'server_settings.host', variable: 'PLUGIN_HOST' },
});

export const ConfigUnknownKey = defineError<{
  at: ConfigPlace;
  key: string;
  within: string;
  nearest?: string;
  known: readonly string[];
}>('SALLY_CONFIG_UNKNOWN_KEY', {
  message: (c) => `unknown key '${c.key}' in ${c.within}`,
  remedy: (c) =>
    c.nearest === undefined ? `remove it; known here: ${c.known.join(', ')}` : `did you mean '${c.nearest}'?`,
  example: {
    at: inFile(12, 5),
    key: 'ca_bundel',
    within: 'server_settings.tls',
    nearest: 'ca_bundle',
    known: ['certfile', 'keyfile', 'ca_bundle'],
  },
});

export const ConfigMissingKey = defineError('SALLY_CONFIG_MISSING_KEY', {
  message: (c) => `${c.within} has no '${c.key}'`,
  remedy: (c) => `add '${c.key}:' to ${c.within}`,
  example: { at: inFile(2, 5), key: 'kind', within: 'plugins[0]' },
});

/** A value that is not what it has to be; `hint` and `nearest` are what was probably meant. */
interface WrongValue {
  at: ConfigPlace;
  key: string;
  expected: string;
  seen: string;
  hint?: string;
  nearest?: string;
}

export const ConfigWrongType = defineError<WrongValue>('SALLY_CONFIG_WRONG_TYPE', {
  message: (c) => `${c.key} must be ${c.expected}, but is ${c.seen}`,
  remedy: (c) => c.hint ?? `give ${c.expected}`,
  example: {
    at: inFile(5, 14),
    key: 'plugins[0].hooks',
    expected: 'a list of texts',
    seen: '"tool_pre_invoke"',
    hint: 'write it as a list: [tool_pre_invoke]',
  },
});

export const ConfigRule = defineError('SALLY_CONFIG_RULE', {
  message: (c) => `the rule (${c.effect}) cannot be used: ${c.problem}`,
  remedy: 'sallyport rules test tries a rule; docs/rules.md has what a rule can read, and examples',
  example: {
    at: inFile(12, 15),
    effect: 'deny',
    problem: "tool has no 'nmae': it has name, public_name, annotations",
  },
});

export const ConfigBadValue = defineError<WrongValue>('SALLY_CONFIG_BAD_VALUE', {
  message: (c) => `${c.key} must be ${c.expected}, but is ${c.seen}`,
  remedy: (c) => (c.nearest === undefined ? `give ${c.expected}` : `did you mean '${c.nearest}'?`),
  example: {
    at: inVariable('PLUGINS_SERVER_PORT'),
    key: 'PLUGINS_SERVER_PORT',
    expected: 'an integer from 1 to 65535',
    seen: '"80000"',
  },
});

export const ConfigUnsupported = defineError('SALLY_CONFIG_UNSUPPORTED', {
  message: (c) => `${c.what}: a plugin server is reached by STREAMABLEHTTP or STDIO`,
  remedy: 'give mcp.proto: STREAMABLEHTTP with mcp.url, or mcp.proto: STDIO with mcp.cmd',
  example: { at: inFile(6, 14), what: 'plugins[0].mcp.proto is "SSE"' },
});

export const ConfigTransport = defineError('SALLY_CONFIG_TRANSPORT', {
  message: (c) => `${c.subject}: ${c.problem}`,
  remedy: (c) => c.instead,
  example: {
    at: inFile(7, 7),
    subject: 'plugin "MyPlugin"',
    problem: 'cmd is for proto STDIO',
    instead: 'write proto: STDIO, or remove cmd',
  },
});

export const ConfigDuplicatePlugin = defineError('SALLY_CONFIG_DUPLICATE_PLUGIN', {
  message: (c) =>
    `plugin ${c.plugin} is already named at ${placeText(c.first)} (names are compared without regard to case)`,
  remedy: 'give each plugin a name of its own',
  example: { at: inFile(9, 11), plugin: '"MyPlugin"', first: inFile(2, 11) },
});

export const ConfigMisplacedKey = defineError<{ at: ConfigPlace; plugin: string; key: 'config' | 'mcp' }>(
  'SALLY_CONFIG_MISPLACED_KEY',
  {
    message: (c) =>
      c.key === 'config'
        ? `plugin ${c.plugin} is external, and an external entry has no 'config'`
        : `plugin ${c.plugin} has 'mcp', but its kind is not external`,
    remedy: (c) =>
      c.key === 'config'
        ? "move 'config' to this plugin's entry in the plugin server's own file"
        : "write 'kind: external', or remove 'mcp'",
    example: { at: inFile(6, 5), plugin: '"MyPlugin"', key: 'config' },
  },
);

export const ConfigUrl = defineError<{
  at: ConfigPlace;
  key: string;
  seen: string;
  reason: string;
  likely?: string;
}>('SALLY_CONFIG_URL', {
  message: (c) => `${c.key} is ${c.seen}: ${c.reason}`,
  remedy: (c) => `write ${c.likely ?? 'an absolute URL, such as https://localhost:8000/mcp'}`,
  example: {
    at: inFile(7, 12),
    key: 'plugins[0].mcp.url',
    seen: '"https://localhost:8000"',
    reason: 'the path is missing',
    likely: 'https://localhost:8000/mcp',
  },
});

export const ConfigTlsIncomplete = defineError<{
  at: ConfigPlace;
  subject: string;
  because: string;
  missing: readonly string[];
  variables: readonly string[];
  /** Another setting that would do. */
  or?: string;
}>('SALLY_CONFIG_TLS_INCOMPLETE', {
  message: (c) =>
    `${c.subject}: ${c.because}, but ${c.missing.join(' and ')} ${c.missing.length === 1 ? 'is' : 'are'} missing`,
  remedy: (c) =>
    `give ${c.missing.join(' and ')}${c.or === undefined ? '' : ` or ${c.or}`} in the tls block${c.variables.length > 0 ? `, or set ${c.variables.join(' and ')}` : ''}`,
  example: {
    at: inFile(10, 3),
    subject: 'the plugin server',
    because: 'TLS is asked for',
    missing: ['keyfile'],
    variables: ['PLUGINS_SERVER_SSL_KEYFILE'],
  },
});

export const ConfigTlsUndecided = defineError('SALLY_CONFIG_TLS_UNDECIDED', {
  message: (c) => `${c.variables.join(', ')} set, but nothing says whether the server speaks TLS`,
  remedy: 'set PLUGINS_SERVER_SSL_ENABLED=true to serve with TLS, or =false to serve plain HTTP',
  example: { at: inVariable('PLUGINS_SERVER_SSL_CERTFILE'), variables: ['PLUGINS_SERVER_SSL_CERTFILE'] },
});

export const ConfigTlsOverHttp = defineError('SALLY_CONFIG_TLS_OVER_HTTP', {
  message: (c) => `plugin ${c.plugin} has a tls block, but its URL begins with http:`,
  remedy: 'begin the URL with https:, or remove the tls block',
  example: { at: inFile(8, 7), plugin: '"MyPlugin"' },
});

export const ConfigPeerUnchecked = defineMisuse('SALLY_CONFIG_PEER_UNCHECKED', {
  message: (c) =>
    `${c.subject}: ${c.key} is given, but ${c.because}: who comes without a certificate that verifies would pass it by`,
  remedy: (c) => `${c.instead}, or remove ${c.key}`,
  example: {
    at: inFile(12, 5),
    subject: 'the plugin server',
    key: 'allowed_clients',
    because: 'ssl_cert_reqs is 1',
    instead: 'set ssl_cert_reqs to 2',
  },
});

export const ConfigHealthPort = defineError('SALLY_CONFIG_HEALTH_PORT', {
  message: (c) => `with TLS on, health is served on port + 1000: ${c.port + 1000} is beyond 65535`,
  remedy: 'choose a port of at most 64535',
  example: { at: inFile(8, 9), port: 65000 },
});

/** A terminal holds about this many; the rest is in the context. */
const problemsShown = 50;

export const ConfigInvalid = defineError<{ path: string; problems: readonly SallyError[] }>(
  'SALLY_CONFIG_INVALID',
  {
    message: ({ path, problems }) => {
      const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
      const more = problems.length - problemsShown;
      return [
        `${path}: ${count} in the configuration`,
        ...problems.slice(0, problemsShown).map(problemText),
        ...(more > 0 ? [`  … and ${more} more`] : []),
      ].join('\n');
    },
    remedy: 'correct what is listed, then run the command again',
    example: {
      path: 'plugins/test.yaml',
      problems: [ConfigUnknownKey(ConfigUnknownKey.example), ConfigBadValue(ConfigBadValue.example)],
    },
  },
);

function problemText({ message, remedy, code, context }: SallyError): string {
  const { at } = context as { at?: ConfigPlace };
  const place = at === undefined || message.startsWith(placeText(at)) ? '' : `${placeText(at)}  `;
  return `  ${place}${message}\n    ${remedy}  [${code}]`;
}

// ─── Configuration of the gateway (config/) ──────────────────────────────────────────────────────

const inGateway = (line: number, column: number): ConfigPlace => ({ file: 'gateway.yaml', line, column });

export const ConfigUpstreamName = defineError('SALLY_CONFIG_UPSTREAM_NAME', {
  message: (c) => `${c.name} cannot be the name of an upstream: ${c.reason}`,
  remedy: 'use letters, digits, dots, hyphens and underscores, and no __: it stands between name and tool',
  example: { at: inGateway(7, 5), name: '"my__files"', reason: 'it contains __' },
});

export const ConfigDuplicateUpstream = defineError('SALLY_CONFIG_DUPLICATE_UPSTREAM', {
  message: (c) =>
    `upstream ${c.name} is already named at ${c.first} (names are compared without regard to case)`,
  remedy: 'give each upstream a name of its own',
  example: { at: inGateway(9, 5), name: '"Files"', first: 'gateway.yaml:7:5' },
});

export const ConfigServerName = defineError('SALLY_CONFIG_SERVER_NAME', {
  message: (c) =>
    `${c.name} cannot be the name of a virtual server: it is part of the path /servers/NAME/mcp`,
  remedy: 'use 1 to 64 letters, digits, dots, hyphens and underscores, and not dots alone',
  example: { at: inGateway(7, 5), name: '"my tools"' },
});

export const ConfigDuplicateServer = defineError('SALLY_CONFIG_DUPLICATE_SERVER', {
  message: (c) =>
    `virtual server ${c.name} is already named at ${c.first} (names are compared without regard to case)`,
  remedy: 'give each virtual server a name of its own',
  example: { at: inGateway(9, 5), name: '"Research"', first: 'gateway.yaml:7:5' },
});

export const ConfigServer = defineError('SALLY_CONFIG_SERVER', {
  message: (c) => `virtual server ${c.server}: ${c.problem}`,
  remedy: (c) => c.instead,
  example: {
    at: inGateway(7, 5),
    server: '"research"',
    problem: 'it offers nothing',
    instead: "give tools:, prompts: or resources:, lists of names ('*' for all)",
  },
});

export const ConfigUpstream = defineError('SALLY_CONFIG_UPSTREAM', {
  message: (c) => `upstream ${c.upstream}: ${c.problem}`,
  remedy: (c) => c.instead,
  example: {
    at: inGateway(7, 5),
    upstream: '"files"',
    problem: 'it has neither command nor url',
    instead: 'give command: and args:, or url:',
  },
});

const inServers = (line: number, column: number): ConfigPlace => ({ file: '.mcp.json', line, column });

export const ConfigUpstreamNeedsVariable = defineError<{ at: ConfigPlace; key: string; variable: string }>(
  'SALLY_CONFIG_SERVERS_VARIABLE',
  {
    message: (c) => `${c.key} takes its value from ${c.variable}, which is not set`,
    remedy: (c) => `set ${c.variable}, or give a default: \${${c.variable}:-value}`,
    example: {
      at: inServers(6, 27),
      key: 'headers.Authorization',
      variable: 'TOKEN',
    },
  },
);

export const ConfigServerLeftOut = defineError<{
  at: ConfigPlace;
  name: string;
  problems: readonly SallyError[];
}>('SALLY_CONFIG_SERVER_LEFT_OUT', {
  message: (c) =>
    `${placeText(c.at)}  the server ${c.name} is left out: ${c.problems.map(({ message }) => message.replace(`upstream ${c.name}: `, '')).join('; ')}`,
  remedy: (c) => [...new Set(c.problems.map(({ remedy }) => remedy))].join('; '),
  example: {
    at: inServers(3, 5),
    name: '"old"',
    problems: [ConfigUpstreamNeedsVariable(ConfigUpstreamNeedsVariable.example)],
  },
});

export const ConfigAuth = defineError('SALLY_CONFIG_AUTH', {
  message: (c) => `gateway.auth is ${c.kind}: ${c.problem}`,
  remedy: (c) => c.instead,
  example: {
    at: inGateway(5, 3),
    kind: 'jwt',
    problem: 'issuer is missing',
    instead: "add 'issuer:' to gateway.auth",
  },
});

export const ConfigConsole = defineError('SALLY_CONFIG_CONSOLE', {
  message: (c) => `gateway.console: ${c.problem}`,
  remedy: (c) => c.instead,
  example: {
    at: inGateway(7, 5),
    problem: 'tls is true, and the gateway has none',
    instead: 'give gateway.tls, or remove tls',
  },
});

export const ConfigConsoleOpen = defineError('SALLY_CONFIG_CONSOLE_OPEN', {
  message: (c) =>
    `gateway.console is on ${c.host}, which others than this machine reach, and ${c.lacks}: names, tools and the configuration of the gateway are on that page`,
  remedy:
    'set host: 127.0.0.1 and look through ssh -L; or give gateway.tls, gateway.auth, and console.admins with the users who may look',
  example: { at: inGateway(8, 7), host: '0.0.0.0', lacks: 'has no TLS' },
});

export const ConfigApprovals = defineError('SALLY_CONFIG_APPROVALS', {
  message: (c) => `gateway.approvals: ${c.problem}`,
  remedy: (c) => c.instead,
  example: {
    at: inGateway(7, 5),
    problem: 'the page is to be asked, and there is none',
    instead: "add 'console: 4450' to the gateway block, or leave page out of by",
  },
});

export const ConfigOauth = defineError('SALLY_CONFIG_OAUTH', {
  message: (c) => `oauth of upstream ${c.upstream}: ${c.problem}`,
  remedy: (c) => c.instead,
  example: {
    at: inGateway(9, 7),
    upstream: '"crm"',
    problem: 'client_id is missing',
    instead: "add 'client_id:' with the name of this client at the server",
  },
});

export const ConfigOauthConsent = defineError('SALLY_CONFIG_OAUTH_CONSENT', {
  message: (c) => `gateway.oauth: ${c.problem}`,
  remedy: (c) => c.instead,
  example: {
    at: inGateway(5, 7),
    problem: 'codes and consents would go over base_url unencrypted',
    instead: 'begin base_url with https:',
  },
});

export const ConfigOauthIssuer = defineError('SALLY_CONFIG_OAUTH_ISSUER', {
  message: (c) =>
    `oauth of upstream ${c.upstream} has a client secret and no issuer: the upstream says where it is sent`,
  remedy:
    "add 'issuer:' with the authorization server; the first one is kept to until the gateway is started again",
  example: { at: inGateway(9, 7), upstream: '"crm"' },
});

export const ConfigGatewayOpen = defineError('SALLY_CONFIG_GATEWAY_OPEN', {
  message: (c) => `gateway.auth is none, and others than this machine can call ${c.host}`,
  remedy:
    'set gateway.auth to bearer, jwt or mtls; or host: 127.0.0.1; or, in so many words, allow_unauthenticated: true',
  example: { at: inGateway(3, 9), host: '0.0.0.0' },
});

export const ConfigNoUpstreams = defineMisuse<{ path?: string }>('SALLY_CONFIG_NO_UPSTREAMS', {
  message: (c) =>
    c.path === undefined
      ? 'nothing says which MCP servers are behind the gateway'
      : `${c.path} names no MCP server that the gateway could be put before`,
  remedy:
    "give --config a file with 'gateway: {upstreams: {…}}', or --servers the mcpServers JSON of a client",
  example: { path: 'plugins/test.yaml' },
});

// The entries below are not thrown: they are the warnings of a configuration that can be used.

export const ConfigServerKeysIdle = defineError('SALLY_CONFIG_SERVER_KEYS', {
  message: (c) =>
    `the server ${c.name}: ${c.keys.join(', ')} ${c.keys.length === 1 ? 'has' : 'have'} no effect here`,
  remedy: (c) =>
    c.reasons.join('; ') ||
    'nobody here knows what it means: remove it, or see docs/reference.md for what is known',
  example: {
    at: inServers(3, 5),
    name: '"files"',
    keys: ['alwaysAllow', 'oauth'],
    reasons: ['by it an editor knows when to ask its user; the gateway asks nobody'],
  },
});

export const ConfigUpstreamPlainHttp = defineError('SALLY_CONFIG_UPSTREAM_PLAIN_HTTP', {
  message: (c) =>
    `upstream ${c.upstream}: ${c.header} travels unencrypted to ${c.host}, which is not this machine`,
  remedy: 'begin the URL with https:',
  example: { at: inGateway(8, 12), upstream: '"search"', host: 'search.internal', header: 'Authorization' },
});

export const ConfigProxyIdle = defineError('SALLY_CONFIG_PROXY_IDLE', {
  message: (c) =>
    `${c.variable} is ${c.seen}: ${c.reason}; nothing of this configuration is reached through it, so it has no effect`,
  remedy: (c) => `correct it, or: unset ${c.variable}`,
  example: {
    at: inVariable('HTTPS_PROXY'),
    variable: 'HTTPS_PROXY',
    seen: '"not a url"',
    reason: 'not a valid URL',
  },
});

export const ConfigNoProxyEntry = defineError<{
  at: ConfigPlace;
  variable: string;
  entry: string;
  likely?: string;
}>('SALLY_CONFIG_NO_PROXY', {
  message: (c) => `${c.variable} has ${c.entry}, which is no host, address or network: it is about nothing`,
  remedy: (c) =>
    c.likely === undefined
      ? 'write names (example.org, with all below it), addresses or networks (10.0.0.0/8), with commas between them'
      : `write ${c.likely}`,
  example: {
    at: inVariable('NO_PROXY'),
    variable: 'NO_PROXY',
    entry: '"https://a.example"',
    likely: 'a.example',
  },
});

export const ConfigGatewayOpenly = defineError('SALLY_CONFIG_GATEWAY_OPENLY', {
  message: (c) => `anyone who reaches ${c.host} may call every tool: allow_unauthenticated is true`,
  remedy: 'set gateway.auth to bearer, jwt or mtls',
  example: { at: inGateway(5, 3), host: '0.0.0.0' },
});

export const ConfigTlsTurnedOff = defineError('SALLY_CONFIG_TLS_TURNED_OFF', {
  message: (c) =>
    `PLUGINS_SERVER_SSL_ENABLED=false turns off the tls block at ${placeText(c.block)}: the server speaks plain HTTP`,
  remedy: 'unset PLUGINS_SERVER_SSL_ENABLED to serve with TLS as the file says',
  example: { at: inVariable('PLUGINS_SERVER_SSL_ENABLED'), block: inFile(10, 3) },
});

export const ConfigVerifyOff = defineError('SALLY_CONFIG_VERIFY_OFF', {
  message: (c) =>
    `${c.subject}: the server's certificate is not verified (verify is false): anyone can stand in for it`,
  remedy: 'set verify: true and give the ca_bundle; switch it off for a local test only',
  example: { at: inFile(9, 17), subject: 'plugin "MyPlugin"' },
});

export const ConfigHostnameCheckOff = defineError('SALLY_CONFIG_HOSTNAME_CHECK_OFF', {
  message: (c) =>
    `${c.subject}: the server's name is not checked (check_hostname is false): any server of the same CA is taken for it`,
  remedy: "set check_hostname: true; for an IP address, name the certificate's host with server_name",
  example: { at: inFile(10, 25), subject: 'plugin "MyPlugin"' },
});

export const ConfigNoClientCertificate = defineError('SALLY_CONFIG_NO_CLIENT_CERTIFICATE', {
  message: (c) => `${c.subject}: no client certificate, so the connection is TLS but not mutual`,
  remedy: 'give certfile and keyfile in mcp.tls (sallyport certs gateway makes them)',
  example: { at: inFile(7, 12), subject: 'plugin "MyPlugin"' },
});

export const ConfigPlainHttp = defineError('SALLY_CONFIG_PLAIN_HTTP', {
  message: (c) => `plugin ${c.plugin}: payloads travel unencrypted to ${c.host}, which is not this machine`,
  remedy: 'begin the URL with https: and give mcp.tls',
  example: { at: inFile(7, 12), plugin: '"MyPlugin"', host: 'plugins.example' },
});

export const ConfigMtlsVariablesUnused = defineError('SALLY_CONFIG_MTLS_VARIABLES_UNUSED', {
  message: (c) =>
    `plugin ${c.plugin}: its URL begins with http:, so ${c.variables.join(', ')} have no effect on it`,
  remedy: 'begin the URL with https:, if the plugin server speaks TLS',
  example: { at: inFile(7, 12), plugin: '"MyPlugin"', variables: ['PLUGINS_CLIENT_MTLS_CERTFILE'] },
});

export const ConfigUriPattern = defineError('SALLY_CONFIG_URI_PATTERN', {
  message: (c) => `the pattern '${c.pattern}' says no kind of name: it is for URIs alone`,
  remedy: (c) => `write URI:${c.pattern}`,
  example: { at: inFile(12, 9), pattern: 'spiffe://example.org/team/*' },
});

export const ConfigUnknownVariable = defineError('SALLY_CONFIG_UNKNOWN_VARIABLE', {
  message: (c) => `${placeText(c.at)} is set, but no variable has that name`,
  remedy: (c) => `did you mean ${c.nearest}?`,
  example: { at: inVariable('PLUGINS_SERVER_SSL_CERT'), nearest: 'PLUGINS_SERVER_SSL_CERTFILE' },
});

// ─── Credentials and handshakes (tls/) ───────────────────────────────────────────────────────────

/** For whoever runs it; `--user` is whom the token stands for. */
const newToken = (path: string): string =>
  `sallyport token create --user "$(id -un)" --file ${shellWord(path)}`;

const newVaultKey = (path: string): string =>
  `openssl rand -base64 32 > ${shellWord(path)} && chmod 600 ${shellWord(path)}`;

export const FileUnreadable = defineError('SALLY_FILE_UNREADABLE', {
  message: (c) => `cannot read ${c.what} ${c.path}: ${c.reason}`,
  remedy: (c) => {
    const makers: Readonly<Record<string, typeof newToken>> = {
      'the tokens': newToken,
      'the key of the upstream tokens': newVaultKey,
    };
    const fill = makers[c.what]?.(c.path) ?? filling(c.path);
    if (c.reason === fileReasons['ENOENT'] && fill !== undefined) return fill;
    if ([danglingLink, pipeUnwritten, fileReasons['ELOOP']].includes(c.reason) && fill !== undefined)
      return `rm ${shellWord(c.path)} && ${fill}`;
    // A container makes a folder where a file that it is to mount is not there.
    if (c.reason === fileReasons['EISDIR'] && fill !== undefined)
      return `rmdir ${shellWord(c.path)} && ${fill}`;
    if (c.reason === fileReasons['EISDIR'])
      return `name a file: ls ${shellWord(c.path)} shows those that are in it; where a file of this name was to be mounted, that was not there`;
    if (c.reason === pipeUnwritten)
      return `name a file, or take the pipe away and put the file there: rm ${shellWord(c.path)}`;
    if (c.reason.startsWith(noFolder('')))
      return `correct the path: one that is relative is taken from the folder in which the command runs; where it is right, ${fill ?? 'make what belongs there'}`;
    return `check that it exists and that this user may read it: ls -l ${shellWord(c.path)}`;
  },
  example: { path: clientCrt, what: 'the certificate', reason: 'permission denied' },
});

/** What a file that is not PEM was found to be. */
export const notPem = { der: 'it is DER', pkcs12: 'it is PKCS #12' } as const;

export const NotPem = defineError('SALLY_TLS_NOT_PEM', {
  message: (c) => `${c.path} is not ${c.what} in PEM form: ${c.reason}`,
  remedy: (c) => {
    const kind = c.what.includes('revocation') ? 'crl' : c.what.includes('key') ? 'pkey' : 'x509';
    const file = shellWord(c.path);
    const pem = shellWord(`${c.path}.pem`);
    if (c.reason === notPem.der)
      return `openssl ${kind} -inform der -in ${file} -out ${pem} && mv ${pem} ${file}`;
    if (c.reason === notPem.pkcs12)
      return `name it with pfx, in place of certfile and keyfile; or take the key and the certificate out of it, and name the new file in certfile and in keyfile: openssl pkcs12 -in ${file} -nodes -out ${pem} && chmod 600 ${pem}`;
    if (c.reason === 'it holds a PKCS7')
      return `openssl pkcs7 -print_certs -in ${file} -out ${pem} && mv ${pem} ${file}`;
    if (c.reason.endsWith('CERTIFICATE REQUEST'))
      return (
        remaking(c.path) ??
        `that is the request for a certificate: put there what the CA has answered it with; by the CA of sallyport certs: sallyport certs plugin --csr ${file}`
      );
    if (/ (PUBLIC|OPENSSH PRIVATE) KEY$/.test(c.reason))
      return (
        remaking(c.path) ??
        'that is no private key for TLS: name the one that was made together with the certificate'
      );
    // A file of our folders that is named as what it should be has something else in it; else the names are wrong.
    const named = { crl: '.crl', pkey: '.key', x509: '.crt' }[kind];
    if (c.reason.startsWith('it holds ') && !(c.path.endsWith(named) && remaking(c.path) !== undefined))
      return 'two files may be swapped: certfile is for the certificate, keyfile for its key, ca_bundle for the CA, crl_file for the revocation list';
    return (
      remaking(c.path) ??
      'it has to hold a "-----BEGIN …-----" block and its end: copy it again, or issue it again'
    );
  },
  example: { path: clientCrt, what: 'a certificate', reason: 'no BEGIN CERTIFICATE line' },
});

export const NotPfx = defineError('SALLY_TLS_NOT_PFX', {
  message: (c) => `${c.path} is not a certificate and its key in PKCS #12 form: ${c.reason}`,
  remedy: (c) => {
    if (c.reason.startsWith('it is PEM')) return 'name it with certfile and keyfile, in place of pfx';
    const base = c.path.replace(/\.(?:p12|pfx)$/i, '');
    const [crt, key] = [shellWord(`${base}.crt`), shellWord(`${base}.key`)];
    return `make it of the certificate and its key: openssl pkcs12 -export -in ${crt} -inkey ${key} -out ${shellWord(c.path)}`;
  },
  example: { path: 'client.p12', reason: 'it holds no private key' },
});

export const PfxLegacy = defineError('SALLY_TLS_PFX_LEGACY', {
  message: (c) => `${c.path} is encrypted with ${c.algorithm}, which is given up as too weak`,
  remedy: (c) => {
    const [file, pem] = [shellWord(c.path), shellWord(`${c.path}.pem`)];
    return `export it anew with AES-256 and SHA-256, or encrypt it anew: openssl pkcs12 -legacy -in ${file} -nodes -out ${pem} && openssl pkcs12 -export -in ${pem} -out ${file}; rm ${pem}`;
  },
  example: { path: 'client.p12', algorithm: 'RC2-40' },
});

export const CertExpired = defineError<{ path: string; notAfter: Date; ca?: boolean }>('SALLY_CERT_EXPIRED', {
  message: (c) => `${c.path} expired on ${isoTime(c.notAfter)}`,
  remedy: (c) => (c.ca ? anew(c.path) : renewal(c.path)),
  example: { path: clientCrt, notAfter: new Date('2026-01-15T10:31:22Z') },
});

export const CertNotYetValid = defineError('SALLY_CERT_NOT_YET_VALID', {
  message: (c) => `${c.path} is valid only from ${isoTime(c.notBefore)}; it is ${isoTime(c.now)} here`,
  remedy: (c) =>
    `check the clock of this host (date -u) and of the one that issued the certificate${/(^|\/)ca\.crt$/.test(c.path) ? '' : `; where both are right: ${renewal(c.path, true)}`}`,
  example: {
    path: clientCrt,
    notBefore: new Date('2026-12-01T00:00:00Z'),
    now: new Date('2026-11-22T12:00:00Z'),
  },
});

export const KeyEncrypted = defineError('SALLY_TLS_KEY_ENCRYPTED', {
  message: (c) => `the private key ${c.path} is encrypted and no password was given`,
  remedy: (c) => `set keyfile_password or keyfile_password_file, or ${c.variable}`,
  example: { path: clientKey, variable: 'PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD' },
});

export const KeyPasswordWrong = defineError('SALLY_TLS_KEY_PASSWORD', {
  message: (c) => `the password given does not open the private key ${c.path}`,
  remedy: (c) => `correct keyfile_password or keyfile_password_file, or ${c.variable}`,
  example: { path: clientKey, variable: 'PLUGINS_CLIENT_MTLS_KEYFILE_PASSWORD' },
});

export const KeyMismatch = defineError<{
  keyfile: string;
  certfile: string;
  /** Which certificate of the file it belongs to, where that is not the first. */
  number?: number;
}>('SALLY_TLS_KEY_MISMATCH', {
  message: (c) =>
    `the private key ${c.keyfile} ${c.number === undefined ? 'does not belong to the certificate' : `belongs to certificate ${c.number} of`} ${c.certfile}${c.number === undefined ? '' : ': the first has to be its own'}`,
  remedy: (c) =>
    c.number === undefined
      ? `name the key that was made together with the certificate, or have both made anew: ${renewal(c.certfile)}`
      : `the order is wrong. Put its own certificate first, then the CA that issued it, and so on up: cat server.crt intermediate.crt > chain.crt; or ${renewal(c.certfile)}`,
  example: { keyfile: clientKey, certfile: clientCrt },
});

export const ChainBroken = defineError<{
  certfile: string;
  caBundle: string;
  subject: string;
  issuer: string;
  namesake: boolean;
  /** The CA of the bundle that it leads to, which is not self-signed. */
  intermediate?: string | undefined;
}>('SALLY_TLS_CHAIN', {
  message: (c) =>
    `${c.certfile} (${c.subject}) does not lead to a CA of ${c.caBundle}: ${c.namesake ? `a CA of the name ${c.issuer} is there, but another one, with another key` : `the certificate of its issuer ${c.issuer} is not there`}`,
  remedy: (c) =>
    c.intermediate === undefined
      ? 'use the ca.crt of the CA that issued it, and put any intermediate certificates behind the leaf; compare: sha256sum certs/mcp/*/ca.crt'
      : `the root above ${c.intermediate} belongs into the bundle as well; or, to trust ${c.intermediate} without it, set partial_chain: true`,
  example: {
    certfile: clientCrt,
    caBundle: caCrt,
    subject: 'CN=mcp-gateway-client',
    issuer: 'CN=Another CA',
    namesake: false,
  },
});

export const BundleWithoutRoot = defineError('SALLY_TLS_NO_ROOT', {
  message: (c: { path: string; subjects: readonly string[] }) =>
    `${c.path} holds no root, so that no certificate leads to one: ${c.subjects.join('; ')} ${c.subjects.length === 1 ? 'is an intermediate CA' : 'are intermediate CAs'}`,
  remedy:
    'the self-signed root above belongs into the bundle as well; or, to trust what it holds without that, set partial_chain: true',
  example: { path: caCrt, subjects: ['CN=Issuing CA'] },
});

export const NotACa = defineError('SALLY_TLS_NOT_A_CA', {
  message: (c) => `${c.path} holds ${c.subject}, which is not a CA certificate`,
  remedy: (c) =>
    `ca_bundle takes the certificate of the CA, not the one of a server or a client: ${remaking(c.path) ?? 'name the ca.crt of the CA that issued the certificates of the other side'}`,
  example: { path: caCrt, subject: 'CN=mcp-gateway-client' },
});

export const WrongPurpose = defineError('SALLY_TLS_PURPOSE', {
  message: (c) =>
    `${c.path} is not made for this side: it needs the extended key usage ${c.needed} and has ${c.has}`,
  remedy: 'a gateway uses gateway/client.crt, a plugin server plugins/<name>/server.crt',
  example: { path: 'certs/mcp/plugins/P/server.crt', needed: 'clientAuth', has: 'serverAuth' },
});

export const CredentialsRefused = defineError('SALLY_TLS_CREDENTIALS', {
  message: (c) => `OpenSSL refuses ${c.path}: ${c.reason}`,
  remedy: (c) =>
    `weak keys and old signatures are refused, RSA 2048 or more, or EC, and SHA-256 are not: ${renewal(c.path, true)}`,
  example: { path: clientCrt, reason: 'ee key too small' },
});

export const CertWeak = defineError('SALLY_TLS_WEAK', {
  message: (c) => `${c.path} is too weak to be relied on: ${c.detail}`,
  remedy: (c) =>
    c.ca
      ? renewal(c.path)
      : `${renewal(c.path, true)}; it needs RSA of 2048 bits or more, or EC, SHA-256, and CA:FALSE`,
  example: {
    path: clientCrt,
    detail: 'CN=mcp-gateway-client has an RSA key of 1024 bits, fewer than 2048',
    ca: false,
  },
});

export const CaWeak = defineError('SALLY_TLS_WEAK_CA', {
  message: (c) =>
    `${c.path} holds a CA that is too weak: ${c.detail}; nobody whose certificate leads to it is let in`,
  remedy: (c) => `replace that CA, or take it out of ${c.path}: ${renewal(c.path)}`,
  example: { path: caCrt, detail: 'CN=Old CA has an RSA key of 1024 bits, fewer than 2048' },
});

export const SelfSignedOwn = defineError('SALLY_TLS_SELF_SIGNED', {
  message: (c) =>
    `${c.path} (${c.subject}) is self-signed: only those whose bundle names it take it, and its key cannot be replaced without them`,
  remedy: (c) =>
    `give the server a certificate of a CA: ${remaking(c.path) ?? `sallyport certs plugin ${shellWord(/\bCN=([\w.-]+)/.exec(c.subject)?.[1] ?? 'server')}`}`,
  example: { path: 'server.crt', subject: 'CN=localhost' },
});

export const ChainTooLong = defineError('SALLY_TLS_CHAIN_LENGTH', {
  message: (c) => `${c.certfile} leads to a CA of ${c.caBundle} over more than ${c.most} certificates`,
  remedy: 'use a certificate that fewer CAs stand above; a leaf, one intermediate and a root are usual',
  example: { certfile: clientCrt, caBundle: caCrt, most: 10 },
});

export const CertWithoutPurpose = defineError('SALLY_TLS_NO_PURPOSE', {
  message: (c) => `${c.path} has no extended key usage: its holder can act as a client and as a server`,
  remedy: (c) => `issue it with the usage of its role only: ${renewal(c.path, true)}`,
  example: { path: clientCrt },
});

export const KeyReadableByOthers = defineError('SALLY_TLS_KEY_READABLE', {
  message: (c) => `the private key ${c.path} can be read by others (mode ${c.mode})`,
  remedy: (c) => `chmod 600 ${shellWord(c.path)}`,
  example: { path: clientKey, mode: '644' },
});

export const CertExpiring = defineError('SALLY_CERT_EXPIRING', {
  message: (c) =>
    `${c.path} (${c.subject}) ends on ${isoTime(c.notAfter)}: ${c.days < 1 ? 'in less than a day' : `in ${c.days} ${c.days === 1 ? 'day' : 'days'}`}`,
  remedy: (c) => renewal(c.path, true),
  example: {
    path: serverCrt,
    subject: 'CN=mcp-plugin-MyPlugin',
    notAfter: new Date('2026-12-15T10:31:22Z'),
    days: 7,
  },
});

export const CertRevoked = defineError('SALLY_CERT_REVOKED', {
  message: (c) =>
    `${c.path} (${c.subject}) is revoked by this side's own crl_file: the other side will refuse it`,
  remedy: (c) => renewal(c.path, true),
  example: { path: clientCrt, subject: 'CN=mcp-gateway-client' },
});

export const CrlExpired = defineError('SALLY_CRL_EXPIRED', {
  message: (c) =>
    `${c.path}: the revocation list of ${c.issuer} was to be followed by another on ${isoTime(c.nextUpdate)}`,
  remedy: (c) =>
    `${certsCommand('crl', certsPlaceOf(c.path).dir)} makes the next one of its own CAs; of another CA, put its newest list into ${c.path}`,
  example: { path: caCrl, issuer: caName, nextUpdate: new Date('2026-11-15T10:31:22Z') },
});

export const CrlWeak = defineError('SALLY_CRL_WEAK', {
  message: (c: { path: string; issuer: string }) =>
    `${c.path}: the revocation list of ${c.issuer} is signed over SHA-1, for which collisions can be made`,
  remedy: (c) => `have ${c.issuer} sign it over SHA-256: openssl ca -gencrl -md sha256`,
  example: { path: caCrl, issuer: 'CN=Old CA' },
});

export const CrlNotYetValid = defineError('SALLY_CRL_NOT_YET_VALID', {
  message: (c) =>
    `${c.path}: the revocation list of ${c.issuer} is valid only from ${isoTime(c.thisUpdate)}; it is ${isoTime(c.now)} here`,
  remedy: 'check the clock of this host (date -u) and of the one that made the list',
  example: {
    path: caCrl,
    issuer: caName,
    thisUpdate: new Date('2026-12-01T00:00:00Z'),
    now: new Date('2026-11-22T12:00:00Z'),
  },
});

export const CrlForeign = defineError('SALLY_CRL_FOREIGN', {
  message: (c) => `${c.path}: no CA of ${c.caBundle} has signed the revocation list of ${c.issuer}`,
  remedy: (c) =>
    `take it out of ${c.path}, or put that CA into ${c.caBundle}; to see who signed it: openssl crl -noout -issuer -in ${shellWord(c.path)} -CAfile ${shellWord(c.caBundle)}`,
  example: { path: caCrl, issuer: 'CN=Another CA', caBundle: caCrt },
});

export const CrlMissing = defineError('SALLY_CRL_MISSING', {
  message: (c) =>
    `${c.path} has no revocation list of ${c.subject}, a CA of ${c.caBundle}: its certificates could not be checked`,
  remedy: (c) =>
    `every CA of the bundle needs one: ${certsCommand('crl', certsPlaceOf(c.path).dir)} makes those of its own CAs; of other CAs, put theirs behind it into ${c.path}, or take the CA out of ${c.caBundle}`,
  example: { path: caCrl, subject: caName, caBundle: caCrt },
});

/** Who is at the other end, as a log line names it: `the plugin server https://…` or `the client 127.0.0.1:40312`. */
interface HandshakeContext {
  readonly peer: string;
  /** Which side says so: the remedy differs. */
  readonly side: 'client' | 'server';
  /** What the peer's certificate says of itself, where it presented one. */
  readonly subject?: string | undefined;
}

const definePeerError = <M extends object = object>(
  code: `SALLY_${string}`,
  spec: ErrorSpec<HandshakeContext & NoInfer<M>>,
) => defineError<HandshakeContext & M>(code, spec);

const shown = (c: HandshakeContext): string => (c.subject ? ` (${c.subject})` : '');
const aServer: HandshakeContext = { peer: pluginServer, side: 'client' };
const aClient: HandshakeContext = {
  peer: client,
  side: 'server',
  subject: 'CN=mcp-gateway-client',
};

export const PeerUnknownCa = definePeerError<{ detail: string }>('SALLY_TLS_UNKNOWN_CA', {
  message: (c) =>
    `${c.peer} presented a certificate that no CA of this side's ca_bundle has signed${shown(c)}: ${c.detail}`,
  // With this code OpenSSL has found an intermediate CA in the bundle, and not the one above it.
  remedy: (c) =>
    c.detail === 'UNABLE_TO_GET_ISSUER_CERT'
      ? "this side's ca_bundle has an intermediate CA that it leads to: put the self-signed root above that into the bundle as well; or, to trust it without, set partial_chain: true"
      : 'both sides need the ca.crt of one CA: compare sha256sum certs/mcp/*/ca.crt certs/mcp/plugins/*/ca.crt',
  example: { ...aClient, detail: 'SELF_SIGNED_CERT_IN_CHAIN' },
});

export const PeerExpired = definePeerError<{ until?: string | undefined }>('SALLY_TLS_PEER_EXPIRED', {
  message: (c) =>
    `${c.peer} presented a certificate that has expired${shown(c)}${c.until ? `: valid until ${c.until}` : ''}`,
  remedy: (c) =>
    `renew the certificate of the other side there: ${renewalThere(c.subject, false)} (sallyport certs check shows them all); and compare the clocks: date -u`,
  example: { ...aClient, until: 'Jan 15 10:31:22 2026 GMT' },
});

export const PeerNotYetValid = definePeerError<{ from?: string | undefined }>(
  'SALLY_TLS_PEER_NOT_YET_VALID',
  {
    message: (c) =>
      `${c.peer} presented a certificate that is not yet valid${shown(c)}${c.from ? `: valid from ${c.from}` : ''}`,
    remedy: (c) =>
      `compare the clocks of both hosts: date -u; where both are right, have it issued again there: ${renewalThere(c.subject, true)}`,
    example: { ...aClient, from: 'Dec  1 00:00:00 2026 GMT' },
  },
);

export const PeerWrongPurpose = definePeerError('SALLY_TLS_PEER_PURPOSE', {
  message: (c) => `${c.peer} presented a certificate made for another purpose${shown(c)}`,
  remedy: (c) =>
    c.side === 'server'
      ? 'a gateway must present gateway/client.crt (clientAuth); a plugin server certificate cannot act as a gateway'
      : 'a plugin server must present plugins/<name>/server.crt (serverAuth)',
  example: { ...aClient, subject: 'CN=mcp-plugin-ReplaceBadWordsPlugin' },
});

export const PeerCertRejected = definePeerError<{ detail: string }>('SALLY_TLS_PEER_REJECTED', {
  message: (c) => `${c.peer} presented a certificate that does not verify${shown(c)}: ${c.detail}`,
  remedy: (c) =>
    c.side === 'client'
      ? `look at it with: echo | openssl s_client -connect ${connectTo(c.peer)} -showcerts | openssl x509 -noout -text`
      : `have it issued again there: ${renewalThere(c.subject, true)}`,
  example: { ...aClient, detail: 'CERT_CHAIN_TOO_LONG' },
});

export const PeerWeak = definePeerError<{ detail: string }>('SALLY_TLS_PEER_WEAK', {
  message: (c) =>
    `${c.peer} presented a certificate that is too weak to be relied on${shown(c)}: ${c.detail}`,
  remedy: (c) =>
    `give the other side a certificate with RSA of 2048 bits or more, or EC, signed with SHA-256, that is no CA: ${renewalThere(c.subject, true)}; a CA is replaced with: sallyport certs ca-rotate prepare`,
  example: { ...aClient, detail: 'CN=mcp-gateway-client has an RSA key of 1024 bits, fewer than 2048' },
});

export const PeerChainTooLong = definePeerError<{ most: number }>('SALLY_TLS_PEER_CHAIN_LENGTH', {
  message: (c) =>
    `${c.peer} presented a chain that is too long${shown(c)}: more than ${c.most} certificates from its own to a CA of the bundle`,
  remedy: 'give the other side a certificate that fewer CAs stand above',
  example: { ...aClient, most: 10 },
});

export const SelfSignedServer = definePeerError('SALLY_TLS_PEER_SELF_SIGNED', {
  message: (c) =>
    `${c.peer} has a self-signed certificate${shown(c)}, which is taken because ca_bundle names it: its key cannot be replaced without this side`,
  remedy: 'give it a certificate of a CA, and put that CA into ca_bundle',
  example: { ...aServer, subject: 'CN=localhost' },
});

export const NamedByCommonName = defineError('SALLY_TLS_COMMON_NAME', {
  message: (c) =>
    `${c.peer} passes by the common name of its certificate, ${c.name}, which counts as a name only because there is no subjectAltName (RFC 6125 section 6.4.4)`,
  remedy: 'issue its certificate again with a subjectAltName, or name it as CN: in the pattern',
  example: { peer: pluginServer, name: 'localhost' },
});

export const PeerRevoked = definePeerError('SALLY_TLS_REVOKED', {
  message: (c) => `${c.peer} presented a certificate that has been revoked${shown(c)}`,
  // A revoked one is renewed only by its name.
  remedy: (c) =>
    holderIn(c.subject) === undefined
      ? 'give the other side a new certificate, with a new key; the list is the one in crl_file'
      : `give the other side a new certificate, with a new key: ${renewalThere(c.subject, true)}; the list is the one in crl_file`,
  example: aClient,
});

export const PeerNotCheckable = definePeerError<{ detail: string }>('SALLY_TLS_CRL', {
  message: (c) =>
    `${c.peer} presented a certificate that cannot be checked against crl_file${shown(c)}: ${c.detail}`,
  remedy:
    'crl_file needs a list of every CA above that certificate, and none that has ended: openssl crl -noout -issuer -nextupdate -in ca.crl',
  example: { ...aClient, detail: 'CRL_HAS_EXPIRED' },
});

/** A certificate that verifies, of somebody else. */
interface IdentityContext {
  readonly peer: string;
  /** The names in its certificate. */
  readonly seen: string;
  readonly expected: string;
}

export const ClientNotAllowed = defineError<IdentityContext>('SALLY_TLS_CLIENT_NOT_ALLOWED', {
  message: (c) => `${c.peer} may not connect: it is ${c.seen}, allowed is ${c.expected}`,
  remedy:
    'a gateway uses the certificate of gateway/; to let others in, name them in server_settings.tls.allowed_clients',
  example: {
    peer: client,
    seen: 'URI:spiffe://sallyport.local/plugin/MyPlugin, CN:mcp-plugin-MyPlugin',
    expected: 'the role gateway',
  },
});

export const WrongPlugin = defineError<IdentityContext & { meant: string | undefined }>(
  'SALLY_TLS_WRONG_PLUGIN',
  {
    message: (c) => `${c.peer} is ${c.seen}, expected is ${c.expected}`,
    remedy: (c) =>
      c.meant !== undefined
        ? `did you mean ${c.meant}? the name of a plugin (or mcp.tls.identity) is the one that the file of its server has`
        : `give the server the certificate of this plugin (sallyport certs plugin ${shellWord(/plugin\/([\w.-]+)/.exec(c.expected)?.[1] ?? 'NAME')}); where one server hosts several, set mcp.tls.identity to the name of the plugin whose certificate it shows${holderIn(c.seen) === undefined ? '' : `: ${holderIn(c.seen)}`}`,
    example: {
      peer: pluginServer,
      seen: 'URI:spiffe://sallyport.local/plugin/AnotherPlugin, CN:mcp-plugin-AnotherPlugin',
      expected: 'the role plugin/MyPlugin',
      meant: undefined,
    },
  },
);

export const PinMismatch = definePeerError<{ seen: readonly string[] }>('SALLY_TLS_PIN', {
  message: (c) =>
    `${c.peer} presented a certificate that no pin stands for${shown(c)}: its keys are ${c.seen.join(', ')}`,
  remedy: (c) => `if it is the right one, add its key to pins: ${c.seen[0] ?? ''}`,
  example: { ...aClient, seen: ['sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='] },
});

export const ClientWithoutRole = defineError('SALLY_TLS_NO_ROLE', {
  message: (c) =>
    `${c.peer} is ${c.seen}, whose certificate names no role: every client with a certificate of the CA may connect`,
  remedy: 'name those who may in server_settings.tls.allowed_clients',
  example: { peer: client, seen: 'CN:mcp-gateway-client' },
});

export const HostnameMismatch = defineError('SALLY_TLS_HOSTNAME', {
  message: (c) =>
    `${c.peer}: certificate verify failed: ${c.ip ? 'IP address' : 'Hostname'} mismatch, certificate is not valid for '${c.host}' (it is valid for ${c.valid})`,
  remedy: (c) =>
    `use a name of the certificate in the URL, or set mcp.tls.server_name to one; or delete its folder and issue it again with MCP_CERT_SANS=${c.ip ? 'IP' : 'DNS'}:${c.host}`,
  example: {
    peer: 'the plugin server https://127.0.0.1:8000',
    host: '127.0.0.1',
    ip: true,
    valid: 'DNS:localhost',
  },
});

export const NoClientCert = definePeerError('SALLY_TLS_NO_CLIENT_CERT', {
  message: (c) =>
    c.side === 'server'
      ? `${c.peer} presented no certificate, and ssl_cert_reqs is 2`
      : `${c.peer} requires a client certificate, and none is configured`,
  remedy: 'set mcp.tls.certfile and keyfile on the gateway side (PLUGINS_CLIENT_MTLS_CERTFILE and …_KEYFILE)',
  example: { peer: client, side: 'server' },
});

export const ClientCertRefused = defineError('SALLY_TLS_CLIENT_CERT_REFUSED', {
  message: (c) => `${c.peer} closed the connection after it saw our certificate ${c.subject}: ${c.detail}`,
  remedy:
    'the reason stands in the log of the plugin server (a line with SALLY_TLS_…); most often its ca_bundle is of another CA, or the certificate has expired',
  example: { peer: pluginServer, subject: 'CN=mcp-gateway-client', detail: 'other side closed' },
});

export const OurCertRefused = definePeerError<{ alert: string }>('SALLY_TLS_OUR_CERT_REFUSED', {
  message: (c) => `${c.peer} refused our certificate: ${c.alert}`,
  remedy: (c) =>
    c.side === 'server'
      ? 'the client must trust the CA that issued this certificate, and connect by a name that it holds'
      : 'the log of the plugin server says why (a line with SALLY_TLS_…)',
  example: { peer: client, side: 'server', alert: 'tlsv1 alert unknown ca' },
});

export const ProtocolTooOld = definePeerError('SALLY_TLS_PROTOCOL', {
  message: (c) => `${c.peer} offers no TLS version that we accept: 1.2 or 1.3`,
  remedy: (c) =>
    `update the TLS library at the other side, or lift the limit that its configuration sets${c.side === 'client' ? `; what it can do: echo | openssl s_client -connect ${connectTo(c.peer)} -tls1_2` : ''}`,
  example: { peer: client, side: 'server' },
});

export const NoCommonCipher = definePeerError('SALLY_TLS_CIPHER', {
  message: (c) => `${c.peer} offers no cipher suite that we accept`,
  remedy:
    'ECDHE with AES-GCM or ChaCha20-Poly1305 is needed, CBC and static RSA are not accepted; what a program offers: openssl ciphers -v',
  example: { peer: client, side: 'server' },
});

export const PlainHttpToTls = defineError('SALLY_TLS_PLAIN_HTTP', {
  message: (c) => `${c.peer} speaks plain HTTP to the TLS port`,
  remedy: 'use https:// in the URL',
  http: 400,
  example: { peer: client },
});

export const TlsToPlainHttp = defineError('SALLY_TLS_TO_PLAIN_PORT', {
  message: (c) => `${c.peer} speaks TLS to a plain HTTP port`,
  remedy: 'use http:// in the URL, or turn TLS on: server_settings.tls, or PLUGINS_SERVER_SSL_ENABLED=true',
  http: 400,
  example: { peer: client },
});

export const NotTls = definePeerError('SALLY_TLS_NOT_TLS', {
  message: (c) => `${c.peer} does not speak TLS`,
  remedy: (c) =>
    c.side === 'client'
      ? 'is TLS on at the plugin server, and the port its TLS port? port + 1000 is the plain health port'
      : 'only TLS clients are served on this port',
  example: aServer,
});

export const HandshakeTimeout = definePeerError<{ seconds: number }>('SALLY_TLS_HANDSHAKE_TIMEOUT', {
  message: (c) => `${c.peer} did not complete the TLS handshake within ${c.seconds} s`,
  remedy: 'check the network between the two, and that the other side speaks TLS on this port',
  example: { peer: client, side: 'server', seconds: 10 },
});

export const HandshakeFailed = definePeerError<{ detail: string }>('SALLY_TLS_HANDSHAKE', {
  message: (c) => `the TLS handshake with ${c.peer} failed: ${c.detail}`,
  remedy: (c) =>
    `LOG_LEVEL=DEBUG at both ends shows more${c.side === 'client' ? `; the rest: echo | openssl s_client -connect ${connectTo(c.peer)}` : ''}`,
  example: { ...aServer, detail: 'the connection was closed in the middle of it' },
});

// ─── The way to a plugin server (external/) ──────────────────────────────────────────────────────

export const ConnectionRefused = defineError('SALLY_CONNECT_REFUSED', {
  message: (c) => `${c.peer} refuses the connection: ${c.detail}`,
  remedy: 'is the plugin server running, on this host and port? its first log line says where it listens',
  example: { peer: pluginServer, detail: 'connect ECONNREFUSED 127.0.0.1:8000' },
});

export const HostNotFound = defineError('SALLY_CONNECT_HOST', {
  message: (c) => `${c.peer} cannot be reached: the host name ${c.host} does not resolve (${c.detail})`,
  remedy: 'correct mcp.url, or the name service of this host',
  example: {
    peer: 'the plugin server https://plugins.internal:8000',
    host: 'plugins.internal',
    detail: 'ENOTFOUND',
  },
});

export const ProxyUnreachable = defineError('SALLY_PROXY_UNREACHABLE', {
  message: (c) => `${c.peer} cannot be reached: the proxy ${c.proxy} on the way cannot be used: ${c.reason}`,
  remedy:
    "correct the proxy key or HTTPS_PROXY, HTTP_PROXY; where the proxy has TLS of a CA of your own, give its tls block ca_bundle; what is reached without it goes into NO_PROXY, or gets 'proxy: none'",
  example: {
    peer: 'the upstream https://search.example',
    proxy: 'http://proxy.example:3128',
    reason: 'connect ECONNREFUSED 10.0.0.9:3128',
  },
});

export const ProxyAuthentication = defineError('SALLY_PROXY_AUTH', {
  message: (c) =>
    `${c.peer} cannot be reached: the proxy ${c.proxy} on the way ${
      c.sent ? 'does not take our user and password' : 'wants a user and a password'
    } (HTTP 407)`,
  remedy: 'give the proxy user and password (Basic), in its URL or as keys beside it',
  example: {
    peer: 'the upstream https://search.example',
    proxy: 'http://proxy.example:3128',
    sent: false as boolean,
  },
});

export const ProxyRefused = defineError('SALLY_PROXY_REFUSED', {
  message: (c) =>
    `${c.peer} cannot be reached: the proxy ${c.proxy} refuses to connect to ${c.target} (HTTP ${c.status})`,
  remedy:
    "have the proxy allow it, or reach it without: NO_PROXY, or 'proxy: none' of the upstream; 502, 503 and 504 say that the proxy does not reach it",
  example: {
    peer: 'the upstream https://search.example',
    proxy: 'http://proxy.example:3128',
    target: 'search.example:443',
    status: 403,
  },
});

export const ConnectionTimeout = defineError('SALLY_CONNECT_TIMEOUT', {
  message: (c) => `${c.peer} did not answer within ${c.seconds} s`,
  remedy:
    'check the network and any firewall between the two; a plugin that needs longer: plugin_settings.plugin_timeout',
  example: { peer: pluginServer, seconds: 10 },
});

export const ConnectionLost = defineError('SALLY_CONNECT_LOST', {
  message: (c) => `the connection to ${c.peer} broke before the reply: ${c.detail}`,
  remedy:
    'the plugin server stopped or was restarted: the next call connects again; where that goes on, its log says why',
  example: { peer: pluginServer, detail: 'other side closed' },
});

export const ChildNotStarted = defineError('SALLY_CHILD_NOT_STARTED', {
  message: (c) =>
    `${c.peer} cannot be started: ${c.command}: ${c.reason === 'ENOENT' ? 'no such program' : c.reason}`,
  remedy: 'mcp.cmd names a program that PATH has or a path; mcp.cwd an existing folder',
  example: { peer: 'the plugin server my-server', command: 'my-server', reason: 'ENOENT' },
});

export const ChildGone = defineError('SALLY_CHILD_GONE', {
  message: (c) => `${c.peer} ended or does not speak MCP: ${c.detail}`,
  remedy:
    'run the command by hand and see what it says; sallyport serve needs PLUGINS_TRANSPORT=stdio in mcp.env; LOG_LEVEL=DEBUG shows its standard error',
  example: { peer: 'the plugin server my-server', detail: 'Connection closed' },
});

// ─── Plugins (plugin/, plugins/, external/, manager/) ────────────────────────────────────────────

export const PluginModuleUnusable = defineError<{
  plugin: string;
  kind: string;
  reason: string;
  /** The file of the module, where there is one and its code is what fails. */
  path?: string | undefined;
  /** What mends it, where more is known than the forms that a kind has. */
  mend?: string | undefined;
}>('SALLY_PLUGIN_MODULE', {
  message: (c) => `plugin '${c.plugin}': the module of kind '${c.kind}' cannot be used: ${c.reason}`,
  remedy: (c) =>
    c.path === undefined
      ? (c.mend ??
        "kind is 'external', a bundled plugin, a path (./my-filter.js) or a package, either with #Export; the module exports what definePlugin() returns")
      : `mend the module, or what it imports; the line is shown by: node ${shellWord(c.path)}`,
  example: { plugin: 'MyFilter', kind: './my-filter.js', reason: 'no such file' },
});

export const PluginsUnusable = defineError<{ errors: readonly SallyError[] }>('SALLY_PLUGINS', {
  message: (c) =>
    `${c.errors.length} plugins cannot be started:${c.errors.map((one) => `\n${one.message}  [${one.code}]\n  ${one.remedy}`).join('')}`,
  remedy: 'mend each of these entries, or set its mode to disabled',
  example: {
    errors: [
      PluginModuleUnusable(PluginModuleUnusable.example),
      PluginModuleUnusable({ ...PluginModuleUnusable.example, plugin: 'Another', kind: 'another-package' }),
    ],
  },
});

export const PluginConfigInvalid = defineError('SALLY_PLUGIN_CONFIG', {
  message: (c) => `plugin '${c.plugin}': its config is not valid: ${c.problems.join('; ')}`,
  remedy: (c) => `correct the config block of '${c.plugin}' in the plugin file`,
  example: { plugin: 'ReplaceBadWordsPlugin', problems: ['config.words[0].search: expected string'] },
});

export const PluginSetupFailed = defineError('SALLY_PLUGIN_SETUP', {
  message: (c) => `plugin '${c.plugin}' cannot be set up: ${c.reason}`,
  remedy: (c) =>
    `setup() of '${c.plugin}' says so: mend its code, its config block, or the service that it needs`,
  example: { plugin: 'MyFilter', reason: 'fetch failed: connect ECONNREFUSED 127.0.0.1:3001' },
});

export const FilterPeerMissing = defineError('SALLY_FILTER_PEER', {
  message: (c) => `plugin '${c.plugin}' has ${c.needs}, and ${c.install} is not installed`,
  remedy: (c) => `npm install ${c.install}`,
  example: { plugin: 'OutputLength', needs: 'tokenizer: o200k_base', install: 'gpt-tokenizer' },
});

export const ModerationReply = defineError('SALLY_MODERATION_REPLY', {
  message: (c) => `the moderation service answered with ${c.reason}`,
  remedy:
    'service.api, url, model and prompt have to be those of the service; without: says what happens meanwhile',
  example: { reason: 'status 404' },
});

export const NoSuchGroup = defineError('SALLY_PLUGIN_REGEX_GROUP', {
  message: (c) => `it refers to the group '${c.group}', which search does not have`,
  remedy: 'groups are counted from 1: (…), or named: (?P<name>…)',
  example: { group: '2' },
});

export const HookNotImplemented = defineError('SALLY_PLUGIN_HOOK', {
  message: (c) =>
    `plugin '${c.plugin}' does not implement the hook ${c.hook}; it has ${c.has.join(', ') || 'none'}`,
  remedy: 'call a hook that it has; the hooks of a plugin file are those that the plugin implements',
  example: { plugin: 'MyFilter', hook: 'tool_post_invoke', has: ['tool_pre_invoke'] },
});

export const HookUnknown = defineMisuse<{ where: string; hook: string; meant: string | undefined }>(
  'SALLY_HOOK_UNKNOWN',
  {
    message: (c) =>
      `${c.where} names the hook ${c.hook}, which the contract does not have${c.meant === undefined ? '' : `: did you mean ${c.meant}?`}`,
    remedy: (c) =>
      c.meant === undefined
        ? 'nothing here calls it: a hook of another gateway is declared under foreignHooks and called by invokeForeign, any other has a name of the contract (docs/plugins.md of the package lists them)'
        : `write ${c.meant}; a hook of another gateway is declared under foreignHooks and called by invokeForeign`,
    jsonRpc: -32602,
    example: { where: "plugin 'MyFilter'", hook: 'tool_pre_invok', meant: 'tool_pre_invoke' },
  },
);

export const PluginWithoutHooks = defineRefusal('SALLY_PLUGIN_NO_HOOKS', {
  message: (c) => `plugin '${c.plugin}' has no hook: it is never asked`,
  remedy: 'its setup() returns { hooks: { tool_pre_invoke: … } }, each a function of the object itself',
  example: { plugin: 'MyFilter' },
});

export const PluginNotFound = defineRefusal('SALLY_PLUGIN_NOT_FOUND', {
  message: (c) => `${c.where} has no plugin '${c.plugin}'; it has ${c.has.join(', ') || 'none'}`,
  remedy: 'the name in the gateway file must be the name in the file of the plugin server',
  jsonRpc: -32602,
  example: { plugin: 'MyPlugin', where: pluginServer, has: ['ReplaceBadWordsPlugin'] },
});

export const PluginDisabled = defineRefusal('SALLY_PLUGIN_DISABLED', {
  message: (c) => `plugin '${c.plugin}' is disabled`,
  remedy: 'set its mode to enforce, enforce_ignore_error or permissive',
  example: { plugin: 'MyPlugin' },
});

export const PluginsClosed = defineRefusal('SALLY_PLUGINS_CLOSED', {
  message: (c) => `${c.hook} was called after the plugins were closed`,
  remedy: 'call close() once nothing is in flight any more; openPluginManager() starts the plugins again',
  example: { hook: 'tool_pre_invoke' },
});

export const PayloadInvalid = defineMisuse('SALLY_HOOK_PAYLOAD', {
  message: (c) => `the payload of ${c.hook} is not valid: ${c.problems.join('; ')}`,
  remedy: (c) => `docs/reference.md of the package lists the fields of ${c.hook}`,
  jsonRpc: -32602,
  toClient: true,
  example: { hook: 'tool_pre_invoke', problems: ['name: expected string, received undefined'] },
});

export const PayloadTooLarge = defineClientError('SALLY_HOOK_PAYLOAD_SIZE', {
  message: (c) => `the payload of ${c.hook} has ${c.bytes} bytes; plugins take at most ${c.limit}`,
  remedy:
    'send less in one call, or raise plugin_settings.max_payload_bytes, at plugin servers too; no plugin has seen this one',
  jsonRpc: -32602,
  example: { hook: 'tool_pre_invoke', bytes: 1_400_000, limit: 1_000_000 },
});

export const PluginContentTooLarge = defineError('SALLY_PLUGIN_CONTENT_SIZE', {
  message: (c) =>
    `the payload of ${c.hook} has ${c.bytes} bytes; plugin '${c.plugin}' takes at most ${c.limit} (max_content_size)`,
  remedy:
    'raise max_content_size of the plugin; or set on_error: ignore, so that calls go on without it, or result_content: none, where it needs no content',
  example: { plugin: 'MyFilter', hook: 'tool_post_invoke', bytes: 80_000, limit: 64_000 },
});

/** The JSON-RPC code of a result that is there, and cannot be shown: no mistake of the caller, who is not to call again. */
const resultWithheld = -32013;

export const ResultTooLarge = defineClientError<{
  what: string;
  name: string;
  hook: string;
  bytes: number;
  limit: number;
  setting: string;
}>('SALLY_HOOK_RESULT_SIZE', {
  message: (c) =>
    `the ${c.what} '${c.name}' has run, and its result is not shown: it has ${c.bytes} bytes in ${c.hook}, and plugins have to see it, which take at most ${c.limit} (${c.setting})`,
  remedy: (c) =>
    `do not call it again for this, ask for less in one result; whoever runs the gateway can raise ${c.setting}, or set result_content: none for plugins that need no content`,
  jsonRpc: resultWithheld,
  example: {
    what: 'tool',
    name: 'screenshot',
    hook: 'tool_post_invoke',
    bytes: 1_400_000,
    limit: 1_000_000,
    setting: 'plugin_settings.max_payload_bytes',
  },
});

export const ResultInvalid = defineClientError('SALLY_HOOK_RESULT', {
  message: (c) =>
    `the ${c.what} '${c.name}' has run, and its result is not shown: plugins have to see it, and it is no payload of ${c.hook}: ${c.problems.join('; ')}`,
  remedy: 'do not call it again for this: what the server answers is not of the form that MCP has for it',
  jsonRpc: resultWithheld,
  example: {
    what: 'prompt',
    name: 'greet',
    hook: 'prompt_post_fetch',
    problems: ['result.messages: expected array, received string'],
  },
});

export const HookResultInvalid = defineRefusal('SALLY_PLUGIN_RESULT', {
  message: (c) =>
    `plugin '${c.plugin}' answered ${c.hook} with something that is not a result: ${c.problems.join('; ')}`,
  remedy: 'a hook answers proceed(), modify(payload) or block(violation)',
  example: { plugin: 'MyFilter', hook: 'tool_pre_invoke', problems: ['expected object, received string'] },
});

export const ChangesClash = defineRefusal<{
  hook: string;
  path: string;
  plugins: readonly [string, string];
  priority: number;
}>('SALLY_PLUGIN_CLASH', {
  message: (c) =>
    `plugins '${c.plugins[0]}' and '${c.plugins[1]}', both of priority ${c.priority}, changed ${c.path} in ${c.hook}, each in its own way`,
  remedy:
    'give them different priorities, so that one sees what the other made; or turn parallel_execution_within_band off',
  example: { hook: 'tool_pre_invoke', path: 'args.q', plugins: ['A', 'B'], priority: 100 },
});

export const PluginTimeout = defineRefusal('SALLY_PLUGIN_TIMEOUT', {
  message: (c) => `plugin '${c.plugin}' did not answer ${c.hook} within ${c.seconds} s`,
  remedy: 'make the plugin faster, or raise plugin_settings.plugin_timeout (seconds)',
  example: { plugin: 'MyFilter', hook: 'tool_pre_invoke', seconds: 30 },
});

export const PluginAway = defineError('SALLY_PLUGIN_AWAY', {
  message: (c) =>
    `plugin '${c.plugin}' is away: ${c.peer} answers nothing, not even a probe${c.seconds > 0 ? `, for ${c.seconds} s now` : ''}`,
  remedy:
    'the process of the plugin server hangs or is stopped: its host and log say why; restart it. It is asked again by itself, and the plugin is back as soon as it answers',
  exit: 3,
  example: { plugin: 'MyFilter', peer: pluginServer, seconds: 12 },
});

export const PluginFailed = defineRefusal<PluginFailure>('SALLY_PLUGIN_ERROR', {
  message: (c) =>
    // What a server of ours says of its plugin names the plugin, the hook and the reason already.
    c.pluginCode?.startsWith('SALLY_') && c.pluginCode !== 'SALLY_PLUGIN_ERROR'
      ? `${c.message}  [${c.pluginCode}]`
      : `plugin '${c.plugin}' failed in ${c.hook}: ${c.message}`,
  remedy: (c) =>
    typeof c.details?.['remedy'] === 'string'
      ? c.details['remedy']
      : 'the log of the process that runs the plugin holds the details',
  example: { plugin: 'MyFilter', hook: 'tool_pre_invoke', message: 'Cannot read properties of undefined' },
});

/** What a plugin, or the server that hosts it, said of its failure. */
interface PluginFailure {
  readonly plugin: string;
  readonly hook: string;
  readonly message: string;
  readonly pluginCode?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
  readonly mcpErrorCode?: number | undefined;
}

export const CallCancelled = defineRefusal('SALLY_CALL_CANCELLED', {
  message: (c) => `the call of ${c.hook} on plugin '${c.plugin}' was cancelled`,
  remedy: 'the caller went away or gave up: nothing to do',
  example: { plugin: 'MyFilter', hook: 'tool_pre_invoke' },
});

// ─── The wire (wire/, external/) ─────────────────────────────────────────────────────────────────

export const ToolArgumentsInvalid = defineError('SALLY_WIRE_ARGUMENTS', {
  message: (c) => `the arguments of ${c.tool} are not valid: ${c.problems.join('; ')}`,
  remedy: 'invoke_hook takes hook_type, plugin_name, payload and context; get_plugin_config takes name',
  jsonRpc: -32602,
  http: 400,
  example: { tool: 'invoke_hook', problems: ['plugin_name: expected string, received undefined'] },
});

export const ReplyInvalid = defineError('SALLY_WIRE_REPLY', {
  message: (c) => `${c.peer} answered ${c.tool} with something that is not of the contract: ${c.reason}`,
  remedy: 'is this the /mcp endpoint of a plugin server, and is its version supported?',
  example: { peer: pluginServer, tool: 'invoke_hook', reason: 'no text item' },
});

export const ReplyIdUnexpected = defineError('SALLY_WIRE_REPLY_ID', {
  message: (c) =>
    `${c.peer} answered ${c.tool} with what is not the reply to it: ${c.seen} in place of the id ${c.id}`,
  remedy:
    'a reply has the id of its request, and of the same type; where the plugin server does so, a proxy in between mixes up connections',
  example: { peer: pluginServer, tool: 'invoke_hook', seen: 'the id "1804289383"', id: 1804289383 },
});

export const ReplyTooLarge = defineError('SALLY_WIRE_REPLY_SIZE', {
  message: (c) => `${c.peer} answered with more than ${c.limit} bytes`,
  remedy: 'a plugin answers with a payload of the size that it was given',
  example: { peer: pluginServer, limit: 8_000_000 },
});

export const ReplyMalformed = defineError('SALLY_WIRE_REPLY_HTTP', {
  message: (c) => `${c.peer} answered with what is not HTTP/1.1: ${c.reason}`,
  remedy: 'is this the /mcp endpoint of a plugin server? A proxy in between may have changed its replies',
  example: { peer: pluginServer, reason: 'two kinds of length' },
});

export const HttpStatusUnexpected = defineError('SALLY_WIRE_HTTP_STATUS', {
  message: (c) => `${c.peer} answered HTTP ${c.status} on ${c.path}${c.text ? `: ${c.text}` : ''}`,
  remedy: (c) => httpRemedies[c.status] ?? 'the log of the plugin server says more',
  example: { peer: pluginServer, path: '/mpc', status: 404, text: 'not found' },
});

const ofAProxy = 'a proxy or another server answers there: look at the host and port of mcp.url';
const httpRemedies: Record<number, string> = {
  400: 'is this the MCP port of a plugin server? where it speaks TLS, mcp.url begins with https:// and needs mcp.tls',
  401: ofAProxy,
  403: ofAProxy,
  407: ofAProxy,
  502: 'a proxy answers there, and cannot reach the plugin server behind it: start that, or correct mcp.url',
  503: 'the plugin server, or a proxy before it, is overloaded or stopped: its log says more',
  504: 'a proxy answers there, and the plugin server behind it says nothing: see its log, or correct mcp.url',
  404: 'the path of mcp.url is most often /mcp',
  405: 'the path of mcp.url is most often /mcp',
  421: 'the plugin server accepts other host names only: use the one that it is bound to',
};

// ─── Several processes (workers/) ────────────────────────────────────────────────────────────────

export const WorkerLost = defineError('SALLY_WORKER_LOST', {
  message: (c) => `worker ${c.pid || 'of this start'} ended ${c.how}; another one starts in ${c.waitMs} ms`,
  remedy: 'see what it logged last; one that ends by SIGKILL was most likely out of memory',
  example: { pid: 4711, how: 'by SIGKILL', waitMs: 100 },
});

export const WorkersNeedPort = defineMisuse('SALLY_WORKER_NO_PORT', {
  message: 'several workers share a port; this configuration serves on stdio or on a Unix domain socket',
  remedy: 'leave out --workers, or serve on host and port',
  example: {},
});

// ─── Traces (telemetry/) ─────────────────────────────────────────────────────────────────────────

export const TracesVariable = defineMisuse('SALLY_TRACES_VARIABLE', {
  message: (c) => `${c.variable} is '${c.value}'; expected ${c.wanted}`,
  remedy: (c) => `correct ${c.variable} in the environment, or unset it; docs/traces.md lists the variables`,
  example: {
    variable: 'OTEL_TRACES_SAMPLER_ARG',
    value: '10%',
    wanted: 'a number from 0 to 1',
  },
});

export const TracesFile = defineError('SALLY_TRACES_FILE', {
  message: (c) => `${c.variable} names ${c.path}, which cannot be used: ${c.reason}`,
  remedy: (c) => `have ${c.variable} name a readable PEM file; the key has to be that of the certificate`,
  example: {
    variable: 'OTEL_EXPORTER_OTLP_CERTIFICATE',
    path: '/run/secrets/collector-ca.pem',
    reason: 'ENOENT: no such file or directory',
  },
});

export const TracesNotInstalled = defineError('SALLY_TRACES_NOT_INSTALLED', {
  message: (c) => `OTEL_* variables ask for traces, and ${c.name} is not installed`,
  remedy: (c) => `npm install ${c.install}`,
  example: {
    name: '@opentelemetry/sdk-trace',
    install: '@opentelemetry/api@~1.9.0 @opentelemetry/sdk-trace@^2.12.1',
  },
});

export const TracesUnused = defineError('SALLY_TRACES_UNUSED', {
  message: (c) => `${c.variables.join(', ')} set, and nothing says where spans go: there are no traces`,
  remedy: 'set OTEL_EXPORTER_OTLP_ENDPOINT, such as http://localhost:4318, or OTEL_TRACES_EXPORTER',
  example: { variables: ['OTEL_TRACES_SAMPLER'] },
});

export const TracesNotTaken = defineError('SALLY_TRACES_EXPORT', {
  message: (c) => `${c.url} does not take spans: ${c.reason}; ${c.spans} are lost`,
  remedy:
    'see that the collector is there and what it logs; OTEL_EXPORTER_OTLP_ENDPOINT is its address for OTLP over HTTP, port 4318 unless it says otherwise',
  example: {
    url: 'http://localhost:4318/v1/traces',
    reason: 'connect ECONNREFUSED 127.0.0.1:4318',
    spans: 512,
  },
});

export const TracesDropped = defineError('SALLY_TRACES_DROPPED', {
  message: (c) => `${c.spans} spans are lost: ${c.queue} were waiting to be sent`,
  remedy:
    'record fewer traces (OTEL_TRACES_SAMPLER=parentbased_traceidratio, OTEL_TRACES_SAMPLER_ARG=0.01), or let more wait (OTEL_BSP_MAX_QUEUE_SIZE)',
  example: { spans: 1200, queue: 2048 },
});

// ─── The plugin server (server/) ─────────────────────────────────────────────────────────────────

/** Where each program takes its port from. */
const portOf: Readonly<Record<string, string>> = {
  'the gateway': 'gateway.port, or --port',
  'the plugin server': 'PLUGINS_SERVER_PORT, or --port',
};

export const ConsoleFolder = defineError('SALLY_CONSOLE_FOLDER', {
  message: (c) => `${c.folder} cannot hold the socket of the console: ${c.problem}`,
  remedy: (c) =>
    `see what it is: ls -ld ${shellWord(c.folder)}; or set XDG_RUNTIME_DIR to a folder of this user alone, for the gateway and for who looks`,
  example: { folder: '/run/user/1000/sallyport', problem: 'it belongs to another user' },
});

export const ConsoleAbsent = defineMisuse<{ where: string; ports?: readonly number[] }>(
  'SALLY_CONSOLE_ABSENT',
  {
    message: (c) =>
      c.ports === undefined || c.ports.length === 0
        ? `no console of this user answers in ${c.where}`
        : `several consoles of this user answer in ${c.where}: on the ports ${c.ports.join(', ')}`,
    remedy: (c) =>
      c.ports === undefined || c.ports.length === 0
        ? 'start one with: sallyport gateway --console; or become the user that the gateway runs as'
        : `name one with: --port ${c.ports[0]}`,
    example: { where: '/run/user/1000/sallyport' },
  },
);

export const ConsoleRefused = defineError('SALLY_CONSOLE_REFUSED', {
  message: (c) => `the console at ${c.at} does not answer as one: ${c.seen}`,
  remedy: 'have another link printed: sallyport console; each serves once, within ten minutes',
  example: { at: 'http://127.0.0.1:4450', seen: 'status 401' },
});

export const PortInUse = defineError('SALLY_SERVER_PORT_IN_USE', {
  message: (c) => `${c.what} cannot listen on ${c.host}:${c.port}: the port is in use`,
  remedy: (c) =>
    `see who has it with: lsof -i :${c.port}; or choose another: ${portOf[c.what] ?? '--port, 1000 below it'}`,
  example: { host: '127.0.0.1', port: 8000, what: 'the plugin server' },
});

export const SocketInUse = defineError('SALLY_SERVER_SOCKET_IN_USE', {
  message: (c) => `${c.what} cannot listen on ${c.path}: another process answers there`,
  remedy: (c) => `see who has it with: lsof ${shellWord(c.path)}; or choose another: PLUGINS_SERVER_UDS`,
  example: { path: '/run/sallyport/plugins.sock', what: 'the plugin server' },
});

/** What keeps a program from listening, by the code of the system: on a port, or on a socket of the file system. */
function listenRemedy(at: string, reason: string): string {
  const isPath = at.includes('/');
  const file = shellWord(at);
  if (reason.startsWith('a file of this name'))
    return `where it is not needed: rm ${file}; or name another: PLUGINS_SERVER_UDS`;
  if (isPath && reason === 'ENOENT')
    return `make its folder, of this user alone: mkdir -p -m 700 ${shellWord(folderOf(at))}`;
  if (isPath && /^(?:EACCES|EPERM|EROFS)$/.test(reason))
    return `give this user the right to write in its folder: ls -ld ${shellWord(folderOf(at))}; or name another: PLUGINS_SERVER_UDS`;
  if (isPath)
    return 'name a shorter path of a folder that is there: a socket has 107 bytes at most on Linux, 103 on macOS';
  if (/^(?:EACCES|EPERM)$/.test(reason))
    return 'ports below 1024 need a privilege: choose another, or give it to the service: AmbientCapabilities=CAP_NET_BIND_SERVICE in its unit';
  return 'host must be an address of this machine: 127.0.0.1, 0.0.0.0 for all; ip -brief address shows those that it has';
}

export const ListenFailed = defineError('SALLY_SERVER_LISTEN', {
  message: (c) => `${c.what} cannot listen on ${c.at}: ${c.reason}`,
  remedy: (c) => listenRemedy(c.at, c.reason),
  example: { at: '10.1.2.3:8000', what: 'the plugin server', reason: 'EADDRNOTAVAIL' },
});

export const ConfigPathMissing = defineMisuse('SALLY_SERVER_NO_CONFIG', {
  message: 'no plugin file was named',
  remedy: 'sallyport serve --config plugins/test.yaml, or set PLUGINS_CONFIG_PATH',
  example: {},
});

export const ExternalOnServer = defineError('SALLY_SERVER_EXTERNAL', {
  message: (c) =>
    `a plugin server hosts plugins of its own, and its file has entries of kind external: ${c.plugins.join(', ')}`,
  remedy:
    'move them to the file of the gateway side, or set their mode to disabled: served here, anyone who may call this server could use its certificate',
  example: { plugins: ['ReplaceBadWordsPlugin'] },
});

export const StrayPluginError = defineError('SALLY_PLUGIN_STRAY_ERROR', {
  message: (c) => `a plugin left an error unhandled, outside of any call: ${c.detail}`,
  remedy: 'await every promise in the plugin, and catch errors in its timers and event handlers',
  example: { detail: 'Error: connection lost' },
});

// ─── Authentication at the gateway (gateway/auth/) ───────────────────────────────────────────────

export const TokensFileInvalid = defineError('SALLY_TOKENS_FILE', {
  message: (c) => `${c.path} is not a tokens file: ${c.reason}`,
  remedy: (c) =>
    `restore it, or begin a new one, with new tokens: mv ${shellWord(c.path)} ${shellWord(`${c.path}.bad`)} && ${newToken(c.path)}`,
  example: { path: 'tokens.json', reason: 'it is not JSON' },
});

export const TokensFileWrite = defineError('SALLY_TOKENS_WRITE', {
  message: (c) => `cannot write ${c.path}: ${c.reason}`,
  remedy: 'make room, or give this user the right to write in the folder of the file',
  example: { path: '/etc/sallyport/tokens.json', reason: 'permission denied' },
});

export const TokensFolderMissing = defineError('SALLY_TOKENS_FOLDER', {
  message: (c) => `cannot write ${c.path}: there is no folder ${c.folder}`,
  remedy: (c) => `correct the path, or make the folder: mkdir -p -m 700 ${shellWord(c.folder)}`,
  example: { path: '/etc/sallyport/tokens.json', folder: '/etc/sallyport' },
});

export const TokensFileLocked = defineError('SALLY_TOKENS_LOCKED', {
  message: (c) => `${c.path} is being changed by someone else: ${c.lock} is there`,
  remedy: (c) => `run the command again; if nobody is at it any more: rm ${shellWord(c.lock)}`,
  example: { path: 'tokens.json', lock: 'tokens.json.new' },
});

export const TokensReadableByOthers = defineError('SALLY_TOKENS_READABLE', {
  message: (c) => `others than its owner can read ${c.path}`,
  remedy: (c) => `chmod 600 ${shellWord(c.path)}`,
  example: { path: 'tokens.json' },
});

export const TokensNone = defineError('SALLY_TOKENS_NONE', {
  message: (c) =>
    `nobody can call: ${c.path} has ${c.count === 0 ? 'no token' : 'no token that has not expired'}`,
  remedy: (c) => newToken(c.path),
  example: { path: 'tokens.json', count: 0 },
});

export const TokenNotFound = defineRefusal('SALLY_TOKEN_NOT_FOUND', {
  message: (c) => `${c.path} has no token ${JSON.stringify(c.id)}`,
  remedy: (c) => `sallyport token list --file ${shellWord(c.path)} shows those that there are`,
  example: { id: 'abcd2345', path: 'tokens.json' },
});

export const JwksInvalid = defineError('SALLY_JWKS', {
  message: (c) => `${c.path} is not a set of keys (RFC 7517): ${c.reason}`,
  remedy: "give the issuer's jwks_uri document, as a file or as its URL, for gateway.auth.jwks",
  example: { path: 'jwks.json', reason: 'JSON Web Key Set malformed' },
});

export const JwksUnavailable = defineError('SALLY_JWKS_UNAVAILABLE', {
  message: (c) => `the keys of the issuer cannot be had from ${c.where}: ${c.reason}`,
  remedy: (c) =>
    `tokens are taken again when it answers: see that this machine can reach it, and that gateway.auth.jwks is the jwks_uri of the issuer's metadata: curl ${shellWord(c.where)}`,
  http: 503,
  example: { where: 'https://issuer.example/jwks', reason: 'request timed out' },
});

// ─── The gateway's clients (mcp/endpoint.ts) ─────────────────────────────────────────────────

export const ProxyHeaderInvalid = defineClientError('SALLY_PROXY_HEADER', {
  message: (c) =>
    `a connection of the proxy ${c.proxy} was closed: it has no header of the PROXY protocol: ${c.reason}`,
  remedy: 'have the proxy send one (version 1 or 2), or set gateway.proxy_protocol to false',
  example: { proxy: '10.0.0.5', reason: 'what it began with is none' },
});

export const TooManyCalls = defineClientError('SALLY_GATEWAY_BUSY', {
  message: (c) => `the gateway serves ${c.limit} requests already, as many as it may`,
  remedy: 'try again in a moment; or raise concurrent_calls of gateway.limits',
  http: 503,
  example: { limit: 1_000 },
});

export const TooManyCallsOfOne = defineClientError('SALLY_GATEWAY_USER_BUSY', {
  message: (c) => `${c.limit} requests of this user are being served, as many as one may have`,
  remedy: 'wait for some of them; or raise concurrent_calls_per_user of gateway.limits',
  http: 429,
  example: { limit: 100 },
});

export const SessionsFull = defineClientError('SALLY_GATEWAY_SESSIONS', {
  message: (c) => `the gateway has ${c.limit} sessions, as many as it may`,
  remedy: 'try again later; or raise sessions, or lower session_idle, of gateway.limits',
  http: 503,
  example: { limit: 10_000 },
});

export const UserSessionsFull = defineClientError('SALLY_GATEWAY_USER_SESSIONS', {
  message: (c) => `this user has ${c.limit} sessions, as many as one may have`,
  remedy: 'end sessions that are not needed (HTTP DELETE); or raise sessions_per_user of gateway.limits',
  http: 429,
  example: { limit: 100 },
});

export const GatewayStopping = defineClientError<object>('SALLY_GATEWAY_STOPPING', {
  message: 'the gateway is about to stop, and takes no more requests',
  remedy: 'try again in a moment: another instance, or this one after its restart, will take it',
  http: 503,
  example: {},
});

export const CredentialOver = defineClientError<object>('SALLY_GATEWAY_CREDENTIAL_OVER', {
  message: 'the credential by which this stream was opened is not valid any more',
  remedy: 'come again with a new one: a token that has not expired and is not revoked',
  http: 401,
  jsonRpc: -32003,
  example: {},
});

export const ServerStopping = defineRefusal<object>('SALLY_SERVER_STOPPING', {
  message: 'the plugin server is about to stop, and takes no more calls',
  remedy: 'try again in a moment: another instance, or this one after its restart, will take it',
  jsonRpc: -32000,
  http: 503,
  example: {},
});

export const TooManyStrangers = defineRefusal('SALLY_CONNECTIONS_STRANGERS', {
  message: (c) =>
    `more than ${c.limit} connections are open on which nobody was let in: the oldest of them are ended`,
  remedy:
    'a flood, or clients that connect and send nothing: a firewall or a proxy before this port can say who they are',
  example: { limit: 1_024 },
});

export const ClientTooSlow = defineRefusal('SALLY_GATEWAY_CLIENT_SLOW', {
  message: (c) => `a client was cut off: ${c.bytes} bytes were waiting for it to read`,
  remedy: 'the client has to read its event streams as they come',
  example: { bytes: 4_100_000 },
});

export const ClientGone = defineRefusal('SALLY_GATEWAY_CLIENT_GONE', {
  message: (c) => `the client ${c.client} has ended its session without an answer`,
  remedy: 'nothing to do, if the client meant to go',
  example: { client: 'inspector/1.0.0' },
});

export const ClientNotAskable = defineClientError('SALLY_GATEWAY_NOT_ASKABLE', {
  message: (c) =>
    `${c.method} cannot be asked of a client of ${c.revision}: it has no way to be sent a request`,
  remedy: 'the upstream has to answer with input_required, as that revision has it',
  example: { method: 'sampling/createMessage', revision: '2026-07-28' },
});

export const AskCancelled = defineClientError('SALLY_GATEWAY_ASK_CANCELLED', {
  message: (c) => `${c.method} was asked of the client, and called off before its answer`,
  remedy: 'nothing to do: what it was asked for has ended',
  example: { method: 'elicitation/create' },
});

export const ClientReadsNoStream = defineClientError<{ method: string; accept: string | undefined }>(
  'SALLY_GATEWAY_ACCEPT',
  {
    message: (c) =>
      `${c.method} was not asked of the client: its request ${c.accept === undefined ? 'has no Accept' : `accepts ${c.accept}`}, so that the reply is JSON, and its session has no stream open`,
    remedy: 'the client has to send Accept: application/json, text/event-stream, or to open a stream by GET',
    example: { method: 'elicitation/create', accept: 'application/json' },
  },
);

export const TooManyQuestions = defineClientError('SALLY_GATEWAY_QUESTIONS', {
  message: (c) => `${c.method} was not asked of the client: ${c.limit} questions are open already`,
  remedy: 'the upstream has to wait for answers before it asks on',
  example: { method: 'sampling/createMessage', limit: 100 },
});

export const LineTooLong = defineClientError('SALLY_GATEWAY_LINE', {
  message: (c) => `a message on stdin has more than ${c.limit} bytes`,
  remedy: 'send less in one message; or raise body_bytes of gateway.limits',
  jsonRpc: -32600,
  example: { limit: 4_000_000 },
});

// ─── Upstream MCP servers (gateway/) ─────────────────────────────────────────────────────────────

export const UpstreamDown = defineError<{ upstream: string; reason: string; hint?: string | undefined }>(
  'SALLY_UPSTREAM_DOWN',
  {
    message: (c) => `the upstream '${c.upstream}' is down: ${c.reason}`,
    remedy: (c) =>
      c.hint ??
      'start the upstream, or correct its url or command; it is tried again by itself, with growing pauses',
    http: 503,
    example: { upstream: 'search', reason: 'connect ECONNREFUSED 127.0.0.1:3001' },
  },
);

export const UpstreamLost = defineUpstreamError('SALLY_UPSTREAM_LOST', {
  message: (c) => `the upstream '${c.upstream}' was lost before it answered ${c.method}: ${c.detail}`,
  remedy: (c) =>
    ['initialize', 'server/discover'].includes(c.method)
      ? 'it ends, or closes the connection, before it has said anything: run its command by hand and see what it says, or see its log; a url is that of an MCP server'
      : 'it is connected or started again by itself; the request may have been carried out: look before you repeat it',
  example: { upstream: 'files', method: 'tools/call', detail: 'the process was ended by SIGKILL' },
});

export const UpstreamTimeout = defineError<{
  upstream: string;
  method: string;
  seconds: number;
  /** The key of its entry that says so. */
  setting?: string | undefined;
}>('SALLY_UPSTREAM_TIMEOUT', {
  message: (c) =>
    `the upstream '${c.upstream}' did not answer ${c.method} within ${c.seconds} s${c.setting === undefined ? '' : `, the ${c.setting} of its entry`}`,
  remedy(c) {
    if (c.method === 'the handshake')
      return 'it was started, or takes connections, and says nothing: run its command by hand, or see what has its port; what first installs itself (npx, uvx) is faster the second time';
    if (c.setting === 'max_total_timeout')
      return "a larger max_total_timeout in the upstream's entry: nothing that it tells of its progress extends that";
    const single = c.setting === 'timeout' ? ', or tool_timeouts for single tools' : '';
    return `a larger ${c.setting ?? 'timeout'} in the upstream's entry${single}; progress and log messages of the upstream begin the time anew`;
  },
  http: 504,
  example: { upstream: 'search', method: 'tools/call', seconds: 60, setting: 'timeout' },
});

export const UpstreamCancelled = defineRefusal('SALLY_UPSTREAM_CANCELLED', {
  message: (c) => `${c.method} of the upstream '${c.upstream}' was cancelled`,
  remedy: 'the caller went away or gave up: nothing to do',
  http: 499,
  example: { upstream: 'search', method: 'tools/call' },
});

export const UpstreamNotStarted = defineError('SALLY_UPSTREAM_SPAWN', {
  message: (c) => `the upstream '${c.upstream}' cannot be started: ${c.command}: ${c.reason}`,
  remedy:
    "command names a program that PATH has or a path, cwd an existing folder; run it by hand to see what it says, or set LOG_LEVEL=DEBUG to see the process's standard error",
  http: 503,
  example: { upstream: 'files', command: 'npy', reason: 'no such program or folder' },
});

export const UpstreamHeader = defineUpstreamError('SALLY_UPSTREAM_HEADER', {
  message: (c) =>
    `the request for the upstream '${c.upstream}' was not sent: the header ${c.header} cannot be made: ${c.problem}`,
  remedy: 'headers.pass and headers.from_client of the upstream say what it is made of',
  example: { upstream: 'search', header: 'x-user', problem: 'it has characters that no header may have' },
});

export const UpstreamStatus = defineUpstreamError<{
  upstream: string;
  method: string;
  status: number;
  text: string;
  challenge?: string | undefined;
}>('SALLY_UPSTREAM_STATUS', {
  message: (c) =>
    `the upstream '${c.upstream}' answered ${c.method} with HTTP ${c.status}${c.text ? `: ${c.text}` : ''}${
      c.challenge ? ` (WWW-Authenticate: ${c.challenge})` : ''
    }`,
  remedy: (c) => upstreamRemedies[c.status] ?? 'the log of the upstream says more',
  example: {
    upstream: 'search',
    method: 'initialize',
    status: 401,
    text: '',
    challenge: 'Bearer realm="search"',
  },
});

const redirectRemedy =
  'the url of the upstream has moved: write the new one into its entry. Redirects to another host are never followed';
const noMcpThere = 'what answers there is no MCP server: correct the url of the upstream';
const upstreamRemedies: Readonly<Record<number, string>> = {
  200: noMcpThere,
  202: noMcpThere,
  204: noMcpThere,
  400: 'the upstream does not take what it is asked, and its words say why; where the port speaks TLS, the url begins with https:',
  301: redirectRemedy,
  302: redirectRemedy,
  303: redirectRemedy,
  307: redirectRemedy,
  308: redirectRemedy,
  401: "the upstream wants credentials: set headers.Authorization in its entry, with a token of the upstream's own, or give it an oauth block",
  403: "the upstream's credentials do not suffice: check headers in its entry, and what they may do",
  404: 'the path of the url is most often /mcp',
  405: 'the path of the url is most often /mcp; servers of the old HTTP+SSE transport are not supported',
  407: 'a proxy answers there, and wants credentials of its own: reach the upstream without it, or correct the url',
  413: 'the request is larger than the upstream takes',
  421: 'the upstream accepts other host names only: use the one that it is bound to',
  429: 'the upstream takes no more requests for now: fewer calls, or a higher limit there',
  502: 'a proxy answers there, and cannot reach the upstream behind it: start that, or correct the url',
  503: 'the upstream, or the proxy before it, is overloaded or stopped: its log says more',
  504: 'a proxy answers there, and the upstream behind it says nothing: see the log of that, or correct the url',
};

export const UpstreamProtocol = defineUpstreamError('SALLY_UPSTREAM_PROTOCOL', {
  message: (c) => `the upstream '${c.upstream}' does not speak MCP as it should: ${c.detail}`,
  remedy: 'is this the address or command of an MCP server, of revision 2025-03-26 or later?',
  example: { upstream: 'search', detail: 'the answer to initialize is not JSON' },
});

export const UpstreamReplyId = defineUpstreamError('SALLY_UPSTREAM_REPLY_ID', {
  message: (c) =>
    `the upstream '${c.upstream}' answered ${c.method} with what is not the reply to it: ${c.seen} in place of the id ${c.id}`,
  remedy:
    'a reply has the id of its request, and of the same type; where the upstream does so, a proxy in between mixes up connections; the request may have been carried out: look before you repeat it',
  example: { upstream: 'search', method: 'tools/call', seen: 'the id "1804289383"', id: 1804289383 },
});

export const UpstreamJson = defineUpstreamError('SALLY_UPSTREAM_JSON', {
  message: (c) => `the upstream '${c.upstream}' sent JSON that is not taken: ${c.reason}`,
  remedy:
    'ask for less at once; what it sends has to be nested less, with fewer keys in one object, each of them once',
  example: { upstream: 'files', reason: 'the message is nested deeper than 64 levels' },
});

export const UpstreamReplyTooLarge = defineUpstreamError('SALLY_UPSTREAM_REPLY_SIZE', {
  message: (c) => `the upstream '${c.upstream}' sent a message of more than ${c.limit} bytes`,
  remedy: 'ask for less at once: by a page, a range, or a narrower query',
  example: { upstream: 'files', limit: 67_108_864 },
});

export const UpstreamBusy = defineError('SALLY_UPSTREAM_BUSY', {
  message: (c) => `the upstream '${c.upstream}' is busy: ${c.limit} ${c.what}`,
  remedy: (c) =>
    c.what.includes('sessions')
      ? `try again later: a session that nobody uses makes room; where its clients need none of their own, set share: all on the upstream '${c.upstream}', or user`
      : 'try again later; gateway.limits says how much may wait for one upstream',
  http: 503,
  toClient: true,
  example: { upstream: 'search', what: 'requests wait already', limit: 256 },
});

// ─── The audit log (telemetry/audit/) ─────────────────────────────────────────────────────────────

/** What clients are told: where the log is, and what is wrong with it, is nobody's business out there. */
export const AuditUnavailable = defineClientError<object>('SALLY_AUDIT_UNAVAILABLE', {
  message: 'nothing is done at the moment: the audit log cannot be written',
  remedy: 'try again in a moment; whoever runs the gateway finds the reason in its log, as SALLY_AUDIT_WRITE',
  http: 503,
  example: {},
});

export const AuditWriteFailed = defineError('SALLY_AUDIT_WRITE', {
  message: (c) => `the audit log ${c.path} cannot be written: ${c.reason}`,
  remedy: (c) =>
    `see that its folder is there, has room and can be written by this user: ls -ld ${shellWord(folderOf(c.path))}; df ${shellWord(folderOf(c.path))}. It is tried again twice a second. gateway.audit.on_failure: continue lets requests go on without it`,
  http: 503,
  example: { path: '/var/log/sallyport/audit.jsonl', reason: 'no space left on device' },
});

export const AuditKeyUnusable = defineError('SALLY_AUDIT_KEY', {
  message: (c) => `the key of the audit log, ${c.path}, ${c.problem}`,
  remedy: (c) =>
    `name the key that the log was begun with; for a new log make one: ${c.problem.endsWith(pipeUnwritten) ? `rm ${shellWord(c.path)} && ` : ''}openssl rand -hex 32 > ${shellWord(c.path)} && chmod 600 ${shellWord(c.path)}`,
  example: { path: '/etc/sallyport/audit.key', problem: 'has 12 bytes, and needs 32 at least' },
});

export const AuditKeyReadable = defineError('SALLY_AUDIT_KEY_READABLE', {
  message: (c) => `the key of the audit log, ${c.path}, can be read by others (mode ${c.mode})`,
  remedy: (c) => `chmod 600 ${shellWord(c.path)}`,
  example: { path: '/etc/sallyport/audit.key', mode: '644' },
});

export const AuditKeyBeside = defineError('SALLY_AUDIT_KEY_BESIDE', {
  message: (c) =>
    `the key of the audit log lies beside it, in ${c.path}: who can change the one can read the other`,
  remedy: 'move the key to a folder that only the gateway can read, and name it with gateway.audit.key_file',
  example: { path: '/var/log/sallyport/audit.jsonl.key' },
});

export const AuditNotChained = defineError('SALLY_AUDIT_NOT_CHAINED', {
  message: (c) => `${c.path} has no line with a mac: there is nothing to verify`,
  remedy: 'name a log that was written with gateway.audit.chain: true',
  exit: 2,
  example: { path: 'audit.jsonl' },
});

// ─── Approvals (gateway/approvals/) ───────────────────────────────────────────────────────────────

export const ApprovalRefused = defineApproval<{
  what: string;
  name: string;
  who: string;
  way: string;
  /** What plugins or rules gave as the reason to ask. */
  because: string;
  reason: string | undefined;
}>('SALLY_APPROVAL_REFUSED', {
  message: (c) =>
    `the ${c.what} '${c.name}' needs an approval (${c.because}), and ${c.who} has refused it (${c.way})${c.reason ? `: ${c.reason}` : ''}`,
  remedy: 'do without it: the same call is refused without a question for a while',
  example: {
    what: 'tool',
    name: 'delete_file',
    who: 'grace',
    way: 'page',
    because: 'deletes files',
    reason: 'not on a Friday',
  },
});

export const ApprovalLate = defineApproval('SALLY_APPROVAL_TIMEOUT', {
  message: (c) =>
    `the ${c.what} '${c.name}' needs an approval (${c.because}), and nobody answered within ${c.seconds} s: that is a refusal`,
  remedy:
    'see that somebody is there to answer, and call again: the same call is refused without a question for a while. gateway.approvals.timeout is how long it waits',
  example: { what: 'tool', name: 'delete_file', because: 'deletes files', seconds: 120 },
});

export const ApprovalNobody = defineApproval('SALLY_APPROVAL_NOBODY', {
  message: (c) =>
    `the ${c.what} '${c.name}' needs an approval (${c.because}), and nobody can be asked: ${c.problem}`,
  remedy:
    'call from a client that asks its user (elicitation, in forms), or let gateway.approvals.by name page or webhook too',
  example: {
    what: 'tool',
    name: 'delete_file',
    because: 'deletes files',
    problem: 'the client cannot ask its user (elicitation)',
  },
});

export const ApprovalsFull = defineApproval('SALLY_APPROVAL_FULL', {
  message: (c) =>
    `the ${c.what} '${c.name}' needs an approval, and as many calls ${c.whose === 'user' ? 'of this user ' : ''}wait for one already as may`,
  remedy:
    'answer one of them, or wait: gateway.approvals has the limits max_waiting and max_waiting_per_user',
  example: { what: 'tool', name: 'delete_file', whose: 'user' },
});

export const ApprovalStopped = defineApproval('SALLY_APPROVAL_STOPPED', {
  message: (c) =>
    `the ${c.what} '${c.name}' waited for an approval, and the gateway is about to stop: it has not been done`,
  remedy: 'call again in a moment: another instance, or this one after its restart, will ask',
  example: { what: 'tool', name: 'delete_file' },
});

export const ApprovalWithdrawn = defineApproval('SALLY_APPROVAL_WITHDRAWN', {
  message: (c) => `the ${c.what} '${c.name}' waited for an approval, and its client gave it up`,
  remedy: 'nothing to do: it has not been done',
  example: { what: 'tool', name: 'delete_file' },
});

export const ApprovalWebhook = defineError('SALLY_APPROVAL_WEBHOOK', {
  message: (c) => `the approver at ${c.host} gave no answer: ${c.problem}`,
  remedy:
    'it has to answer a question with HTTP 200 and {"id": …, "decision": "approve" or "refuse"}, or with 202 to be asked again; see docs/approvals.md',
  example: { host: 'approver.example', problem: 'HTTP 502' },
});

export const ApprovalSelf = defineRefusal('SALLY_APPROVAL_SELF', {
  message: (c) => `the call is ${c.who}'s own, and gateway.approvals.allow_self is false`,
  remedy: 'let somebody else answer it',
  http: 403,
  example: { who: 'ada' },
});

export const ApprovalGone = defineRefusal('SALLY_APPROVAL_GONE', {
  message: 'this question is over: it was answered, withdrawn, or nobody answered in time',
  remedy: 'nothing to do: the decisions of the page say what became of it',
  http: 409,
  example: {},
});

// ─── The lock on tools (policy/lock/) ────────────────────────────────────────────────────────────

export const ToolsLockMissing = defineError('SALLY_TOOLS_LOCK_MISSING', {
  message: (c) => `there is no lock on tools at ${c.path}, and without it no tool is offered`,
  remedy:
    'sallyport tools lock --config FILE writes it, with what the upstreams offer now: read it before it is used',
  exit: 2,
  example: { path: '/etc/sallyport/tools.lock' },
});

export const ToolsLockInvalid = defineError<{ path: string; line: number | undefined; reason: string }>(
  'SALLY_TOOLS_LOCK_FILE',
  {
    message: (c) => `${c.path}${c.line === undefined ? '' : `:${c.line}`} is no lock on tools: ${c.reason}`,
    remedy:
      'take the file back from version control, or name the right one in gateway.tools_lock; sallyport tools lock --replace writes it anew, and takes everything that is offered now',
    exit: 2,
    example: { path: '/etc/sallyport/tools.lock', line: 12, reason: 'Map keys must be unique' },
  },
);

export const ToolsLockEdited = defineError('SALLY_TOOLS_LOCK_EDITED', {
  message: (c) =>
    `${c.path} has another text for the ${c.what}${c.name === '' ? '' : ` '${c.name}'`} of ${c.upstream} than its sha256 is of: one of the two was edited`,
  remedy:
    'take the file back from version control; what an upstream offers now is taken by sallyport tools diff and sallyport tools accept',
  exit: 2,
  example: { path: '/etc/sallyport/tools.lock', upstream: 'files', what: 'tool', name: 'read_file' },
});

export const ToolsLockWrite = defineError('SALLY_TOOLS_LOCK_WRITE', {
  message: (c) => `${c.path} cannot be written: ${c.reason}`,
  remedy: 'have its folder, which is not made here, be writable for this user, and run the command again',
  example: { path: '/etc/sallyport/tools.lock', reason: 'permission denied' },
});

export const ToolsLockBusy = defineError('SALLY_TOOLS_LOCK_BUSY', {
  message: (c) => `${c.path} is being written by ${c.holder}`,
  remedy: (c) => `wait for it to end; where it is gone, remove ${c.path}.new`,
  example: { path: '/etc/sallyport/tools.lock', holder: 'box process 4711' },
});

export const ToolsLockThere = defineRefusal('SALLY_TOOLS_LOCK_THERE', {
  message: (c) => `${c.path} locks ${c.upstreams.join(', ')} already, and what is offered now differs`,
  remedy:
    'sallyport tools diff shows what differs, and sallyport tools accept takes it; --replace takes everything as it is now',
  example: { path: 'tools.lock', upstreams: ['files'] },
});

export const ToolsNotShown = defineRefusal('SALLY_TOOLS_NOT_SHOWN', {
  message: (c) =>
    `${c.names.join(', ')} ${c.names.length === 1 ? 'is' : 'are'} not as sallyport tools diff has shown: nothing was accepted`,
  remedy: 'read what differs now, and accept that: sallyport tools diff',
  example: { names: ['files read_file'] },
});

export const ToolsNoChange = defineRefusal('SALLY_TOOLS_NO_CHANGE', {
  message: (c) => `nothing that differs from the lock is called '${c.name}'`,
  remedy: (c) =>
    c.meant === undefined
      ? 'sallyport tools diff shows what differs; give the name of an upstream, of an entry, or both as UPSTREAM/NAME'
      : `did you mean '${c.meant}'? sallyport tools diff shows what differs`,
  example: { name: 'read_fil', meant: 'read_file' } as { name: string; meant: string | undefined },
});

export const ToolsUnread = defineError('SALLY_TOOLS_UNREAD', {
  message: (c) => `what the upstream '${c.upstream}' offers cannot be read: ${c.reason}`,
  remedy:
    'mend what keeps it away (sallyport doctor), and run the command again: what is locked of it stays as it is',
  example: { upstream: 'files', reason: 'the upstream is down' },
});

export const ToolsOfUsers = defineError('SALLY_TOOLS_OF_USERS', {
  message: (c) => `the upstream '${c.upstream}' shows its lists to users alone, each with a token of its own`,
  remedy: (c) => `give a token of a user in a variable, and its name: --token ${c.upstream}=NAME_OF_VARIABLE`,
  example: { upstream: 'mail' },
});

export const ToolWithheld = defineError('SALLY_TOOLS_WITHHELD', {
  message: (c) =>
    `the ${c.what}${c.name === '' ? '' : ` '${c.name}'`} of the upstream '${c.upstream}' ${c.change}: ${c.withheld ? 'it is withheld from clients' : 'clients have it all the same, for the mode of the lock is report'}`,
  remedy: (c) => `read it, and accept it where it is right: sallyport tools diff ${c.options}`,
  example: {
    what: 'tool',
    name: 'read_file',
    upstream: 'files',
    change: 'is not the one that was locked',
    withheld: true,
    options: '--config gateway.yaml',
  },
});

// ─── OAuth towards upstreams (oauth/) ─────────────────────────────────────────────────────────────

export const OauthDiscovery = defineUpstreamError<{
  upstream: string;
  detail: string;
  hint?: string | undefined;
}>('SALLY_UPSTREAM_OAUTH_DISCOVERY', {
  message: (c) =>
    `the authorization server of the upstream '${c.upstream}' could not be found out: ${c.detail}`,
  remedy: (c) =>
    c.hint ?? 'mend what is said there, or name the authorization server in oauth.issuer of the upstream',
  example: {
    upstream: 'crm',
    detail: 'https://idp.example.com/.well-known/oauth-authorization-server: HTTP 502',
  },
});

export const OauthAddress = defineUpstreamError('SALLY_UPSTREAM_OAUTH_ADDRESS', {
  message: (c) =>
    `discovery for the upstream '${c.upstream}' led to ${c.url}, which is not asked: ${c.reason}`,
  remedy:
    'where that is meant, add the host to private_hosts of its oauth block; https is needed everywhere but on this machine',
  example: {
    upstream: 'crm',
    url: 'https://metadata.internal',
    reason: 'its address 169.254.169.254 is private',
  },
});

export const OauthToken = defineUpstreamError<{
  upstream: string;
  issuer: string;
  detail: string;
  hint?: string | undefined;
}>('SALLY_UPSTREAM_OAUTH_TOKEN', {
  message: (c) => `${c.issuer} gave no token for the upstream '${c.upstream}': ${c.detail}`,
  remedy: (c) =>
    c.hint ??
    'check client_id, its secret or key, scopes and resource of the oauth block against the authorization server',
  example: {
    upstream: 'crm',
    issuer: 'https://idp.example.com',
    detail: 'invalid_client (HTTP 401)',
  },
});

export const OauthRefused = defineUpstreamError<{ upstream: string; issuer: string; challenge: string }>(
  'SALLY_UPSTREAM_OAUTH_REFUSED',
  {
    message: (c) =>
      `the upstream '${c.upstream}' refuses the token that ${c.issuer} gave for it${c.challenge ? ` (${c.challenge})` : ''}`,
    remedy:
      'the token has to be meant for it: check resource, audience and issuer of its oauth block; the log of the upstream says more',
    example: {
      upstream: 'crm',
      issuer: 'https://idp.example.com',
      challenge: 'Bearer error="invalid_token"',
    },
  },
);

export const OauthScope = defineUpstreamError<{
  upstream: string;
  missing: readonly string[];
  has: readonly string[];
}>('SALLY_UPSTREAM_OAUTH_SCOPE', {
  message: (c) =>
    `the upstream '${c.upstream}' wants ${c.missing.length > 0 ? `the scope ${c.missing.join(' ')}` : 'other scopes'} for this, and its token has ${c.has.length > 0 ? c.has.join(' ') : 'no scope that is known'}`,
  remedy: (c) =>
    `add ${c.missing.length > 0 ? c.missing.join(' ') : 'it'} to scopes of its oauth block, and allow the client it at the authorization server`,
  http: 403,
  example: { upstream: 'crm', missing: ['contacts:write'], has: ['contacts:read'] },
});

export const OauthNoCaller = defineUpstreamError('SALLY_UPSTREAM_OAUTH_CALLER', {
  message: (c) => `the upstream '${c.upstream}' is asked with a token of the user who calls, and ${c.reason}`,
  remedy:
    'call the gateway with a valid token of gateway.auth: jwt; a new one is taken with the next request',
  http: 401,
  example: { upstream: 'crm', reason: 'the token that came has ended' },
});

export const OauthConsent = defineUpstreamError('SALLY_UPSTREAM_OAUTH_CONSENT', {
  message: (c) =>
    `the upstream '${c.upstream}' is asked in the name of its user, who has not consented${c.reason ? `: ${c.reason}` : ''}`,
  remedy:
    'call the tool sign_in of this upstream, open the link that it gives, and give it the code that the page shows',
  http: 401,
  toClient: true,
  example: { upstream: 'crm', reason: '' },
});

export const OauthWorkers = defineMisuse('SALLY_OAUTH_WORKERS', {
  message: 'users consent in one process, and --workers asks for several',
  remedy:
    'start the gateway without --workers; or use grant token_exchange, which every worker does by itself',
  example: {},
});

export const OauthStdio = defineMisuse<{ upstream: string; grant: string }>('SALLY_OAUTH_STDIO', {
  message: (c) =>
    `the upstream '${c.upstream}' is asked with tokens of its users (grant: ${c.grant}), and over --stdio nobody shows or gets one`,
  remedy:
    'start the gateway without --stdio and point the client at its URL; or let the upstream have grant: client_credentials',
  example: { upstream: 'crm', grant: 'authorization_code' },
});

export const OauthVault = defineError('SALLY_OAUTH_VAULT', {
  message: (c) => `${c.path} cannot be used for the tokens of upstreams: ${c.reason}`,
  remedy: (c) =>
    c.reason.startsWith('it holds no key')
      ? `make a key; who consented under another one is asked anew: ${newVaultKey(c.path)}`
      : c.reason.startsWith('it is no file')
        ? `restore it, or begin a new one, and users are asked anew: mv ${shellWord(c.path)} ${shellWord(`${c.path}.bad`)}`
        : c.reason.startsWith(noFolder(''))
          ? `correct the path, or make the folder: mkdir -p -m 700 ${shellWord(folderOf(c.path))}`
          : `make room, or give this user the right to write in its folder: ls -ld ${shellWord(folderOf(c.path))}; df ${shellWord(folderOf(c.path))}`,
  example: { path: 'upstream-tokens.key', reason: 'it holds no key of 32 bytes in base64' },
});

// ─── Between clients and upstreams (gateway/router/) ─────────────────────────────────────────────

export const ConditionUnmatched = defineError<{
  plugin: string;
  key: string;
  name: string;
  meant: string | undefined;
}>('SALLY_CONDITION_UNMATCHED', {
  message: (c) =>
    `a condition of plugin '${c.plugin}' has ${c.name} in ${c.key}, which no upstream of this gateway ${c.key === 'server_ids' ? 'is called' : 'has'}: the plugin is not asked`,
  remedy: (c) => {
    if (c.meant !== undefined) return `did you mean ${c.meant}?`;
    if (/[*?]/.test(c.name)) return 'list the names one by one: conditions take no patterns';
    return c.key === 'server_ids'
      ? 'write the name of an upstream, as it stands in the gateway block'
      : 'write the name as the upstream has it, or as clients see it (upstream__name)';
  },
  exit: 1,
  example: { plugin: 'MyFilter', key: 'tools', name: 'delet_file', meant: 'delete_file' },
});

export const ServerUnmatched = defineError<{
  server: string;
  key: string;
  name: string;
  meant: string | undefined;
}>('SALLY_SERVER_UNMATCHED', {
  message: (c) =>
    `virtual server '${c.server}' has ${c.name} in ${c.key}, which no upstream of this gateway offers: it is not there`,
  remedy: (c) =>
    c.meant === undefined
      ? 'write the name as clients see it at /mcp (upstream__name), as sallyport doctor and tools/list show it'
      : `did you mean ${c.meant}?`,
  example: { server: 'research', key: 'tools', name: 'web__serch', meant: 'web__search' },
});

export const ServerUnknown = defineError('SALLY_SERVER_UNKNOWN', {
  message: (c) => `there is no virtual server '${c.server}' in this configuration`,
  remedy: (c) =>
    c.known.length === 0
      ? 'add it to gateway.servers, or leave out --server'
      : `take one of ${c.known.join(', ')}`,
  exit: 2,
  example: { server: 'reserch', known: ['research', 'support'] as readonly string[] },
});

export const NameClash = defineError('SALLY_ROUTE_CLASH', {
  message: (c) =>
    `the ${c.what} '${c.name}' is offered by the upstreams ${c.upstreams.join(' and ')}: neither can be called`,
  remedy: (c) => `set prefix: always on ${c.upstreams[0]}, or exclude it at all but one of them`,
  jsonRpc: -32602,
  example: { what: 'tool', name: 'search', upstreams: ['files', 'web'] },
});

export const UriShared = defineError('SALLY_ROUTE_URI', {
  message: (c) =>
    `the ${c.what} '${c.uri}' is offered by the upstreams ${c.upstreams.join(' and ')}: as ${c.uris.join(' and ')}; '${c.uri}' itself is that of ${c.upstreams[0]}`,
  remedy: 'where one of them is enough, exclude the URI at the other; the order is that of the file',
  example: {
    what: 'resource',
    uri: 'file:///a',
    upstreams: ['files', 'web'],
    uris: ['sallyport://files/file:///a', 'sallyport://web/file:///a'],
  },
});

export const NotOffered = defineBadParams('SALLY_ROUTE_UNKNOWN', {
  message: (c) => `there is no ${c.what} '${c.name}' here`,
  remedy: (c) =>
    c.what === 'resource'
      ? 'resources/list and resources/templates/list say what there is'
      : `${c.what}s/list says which there are; the include and exclude patterns of the upstreams decide`,
  http: 404,
  example: { what: 'tool', name: 'files__read' },
});

export const AccessDenied = defineBadParams('SALLY_ACCESS_DENIED', {
  message: (c) => `you may not use the ${c.what} '${c.name}' here${c.reason && `: ${c.reason}`}`,
  remedy: 'the log of the gateway says which of its rules decided; whoever runs it can change that',
  http: 403,
  example: { what: 'tool', name: 'files__write', reason: 'files are read only' },
});

export const RuleFailed = defineError('SALLY_RULE_FAILED', {
  message: (c) => `the rule ${c.rule} (${c.effect}) could not be evaluated: ${c.problem}`,
  remedy:
    'a deny that fails denies, an allow does not allow; has(args.path) asks whether a field is there before it is read. This is said once for each rule',
  example: { rule: 'gateway.yaml:12', effect: 'deny', problem: 'No such key: path' },
});

export const RuleTestFailed = defineRefusal('SALLY_RULE_TEST', {
  message: (c) => `the test of the rules at ${placeText(c.at)} fails: ${c.problem}`,
  remedy:
    'sallyport rules test --config FILE --verbose says what each rule says of it; correct the rule or the test',
  example: {
    at: inFile(20, 7),
    problem: 'deny is expected, and allow is decided by gateway.yaml:12:14',
  },
});

export const ApprovalNeeded = defineBadParams('SALLY_ACCESS_ASK', {
  message: (c) =>
    `somebody has to approve the use of the ${c.what} '${c.name}'${c.reason && ` (${c.reason})`}, and nobody can be asked here`,
  remedy: 'the log of the gateway says which of its rules asks for it; whoever runs it can change that',
  http: 403,
  example: { what: 'tool', name: 'files__delete', reason: 'files are gone for good' },
});

export const CursorInvalid = defineBadParams('SALLY_ROUTE_CURSOR', {
  message: (c) => `the cursor of ${c.method} is none that was given out here`,
  remedy: 'begin the list anew, without a cursor',
  example: { method: 'tools/list' },
});

export const ParamsInvalid = defineBadParams('SALLY_ROUTE_PARAMS', {
  message: (c) => `the params of ${c.method} are not valid: ${c.problem}`,
  remedy: 'the specification of MCP has the params of every method',
  example: { method: 'tools/call', problem: 'name must be a text' },
});

export const MethodUnknown = defineError('SALLY_ROUTE_METHOD', {
  message: (c) => `${c.method} is not served here`,
  remedy:
    'methods that the gateway does not know are passed on where there is one upstream; the capabilities say what is served',
  jsonRpc: -32601,
  http: 404,
  toClient: true,
  example: { method: 'tasks/list' },
});

export const RequestStateInvalid = defineBadParams('SALLY_ROUTE_STATE', {
  message: (c) =>
    `the requestState of this ${c.method} has expired, was used before, or is of another request`,
  remedy: 'make the request anew, without requestState',
  example: { method: 'tools/call' },
});

export const TooManySuspended = defineError('SALLY_ROUTE_SUSPENDED', {
  message: (c) => `${c.limit} requests already wait for input of their callers`,
  remedy: 'answer one of them, or wait: they expire',
  http: 503,
  toClient: true,
  example: { limit: 100 },
});

export const TooManyRounds = defineError('SALLY_ROUTE_ROUNDS', {
  message: (c) => `upstream '${c.upstream}' still asks for input of ${c.method} after ${c.rounds} rounds`,
  remedy: (c) => `look at what upstream '${c.upstream}' asks again and again`,
  toClient: true,
  example: { upstream: 'files', method: 'tools/call', rounds: 10 },
});

export const EnvelopeRefused = defineUpstreamError('SALLY_ROUTE_ENVELOPE', {
  message: (c) => `upstream '${c.upstream}' does not take what the gateway sends: ${c.message} (${c.code})`,
  remedy: (c) => `is the version of upstream '${c.upstream}' one of those that are supported?`,
  example: { upstream: 'files', code: -32022, message: 'Unsupported protocol version' },
});

export const ListIncomplete = defineUpstreamError('SALLY_ROUTE_LIST', {
  message: (c) => `upstream '${c.upstream}' is left out of ${c.method}: ${c.detail}`,
  remedy: 'its entries come back with it: clients are told when the list changes',
  example: { upstream: 'files', method: 'tools/list', detail: 'no answer within 5 s' },
});

export const CallAbandoned = defineError('SALLY_ROUTE_ABANDONED', {
  message: (c) =>
    `${c.method} at upstream '${c.upstream}' was given up: its caller did not come back with the input that was asked for`,
  remedy: 'answer what is asked within ten minutes, and retry with the requestState that came with it',
  toClient: true,
  example: { upstream: 'files', method: 'tools/call' },
});

export const TooManySubscriptions = defineBadParams('SALLY_ROUTE_SUBSCRIPTIONS', {
  message: (c) => `a client may subscribe to at most ${c.limit} resources`,
  remedy: 'unsubscribe from what is not needed any more',
  http: 429,
  example: { limit: 1_000 },
});

// ─── Projects and their development (scaffold/, dev/) ────────────────────────────────────────────

export const ProjectNameInvalid = defineError('SALLY_NEW_NAME', {
  message: (c) => `'${c.name}' cannot be the name of a project`,
  remedy: (c) =>
    `give a name of small letters, digits and hyphens, of at most 60, that no dependency has: sallyport new plugin ${c.like}`,
  exit: 2,
  example: { name: 'My Filter', like: 'my-filter' },
});

export const ProjectFolderTaken = defineError('SALLY_NEW_FOLDER', {
  message: (c) => `there is something at ${c.folder} already`,
  remedy: 'give another name, or take what is there away: nothing is overwritten',
  exit: 2,
  example: { folder: 'my-filter' },
});

export const ProjectNotWritten = defineError('SALLY_NEW_WRITE', {
  message: (c) => `${c.folder} cannot be made: ${c.reason}`,
  remedy: 'make the project in a folder that you may write to; nothing was left behind',
  example: { folder: '/srv/my-filter', reason: 'permission denied' },
});

export const RecordNotWritten = defineError('SALLY_DEV_RECORD', {
  message: (c) => `the record ${c.path} cannot be written: ${c.reason}`,
  remedy: 'name a file of a folder that is there, and that this user may write to',
  example: { path: 'test/exchanges.jsonl', reason: 'permission denied' },
});

// ─── Testing (testing/) ──────────────────────────────────────────────────────────────────────────

export const FuzzFinding = defineError('SALLY_TESTING_FUZZ', {
  message: (c) => `${c.hook} of ${c.plugin}, given ${c.payload}: ${c.problem} (seed ${c.seed})`,
  remedy: (c) =>
    `fuzz(plugin, { seed: ${c.seed} }) makes the same payloads; this one is as small as it could be made`,
  exit: 1,
  example: {
    plugin: 'MyFilter',
    hook: 'tool_pre_invoke',
    payload: '{"name":"","args":null}',
    problem: 'Cannot convert undefined or null to object',
    seed: 17,
  },
});

export const ReplayDiffers = defineError('SALLY_TESTING_REPLAY', {
  message: (c) => `exchange ${c.index}, a call of ${c.hook}, ${c.before}; now it ${c.now}`,
  remedy: 'mend the plugin; or record the exchange anew, where the change is meant',
  exit: 1,
  example: {
    index: 3,
    hook: 'tool_pre_invoke',
    before: 'was answered with null',
    now: 'failed: args is not iterable',
  },
});

// ─── Diagnosis (doctor/) ─────────────────────────────────────────────────────────────────────────

export const NothingToDiagnose = defineMisuse<object>('SALLY_DOCTOR_NO_TARGET', {
  message:
    'there is nothing to look at: no target was named, PLUGINS_CONFIG_PATH is not set, and neither certs/mcp nor a plugin file is in its usual place',
  remedy: 'sallyport doctor plugins/external/config-client.yaml certs/mcp https://localhost:8000',
  example: {},
});

export const VariableDisagrees = defineRefusal('SALLY_DOCTOR_VARIABLE', {
  message: (c) =>
    `${c.variable} (${c.says}) wins over ${c.key} of the file (${c.file})${c.effect && `: ${c.effect}`}`,
  remedy: (c) => `if the file is right: unset ${c.variable}; else write its value into ${c.key}`,
  example: {
    variable: 'PLUGINS_CLIENT_MTLS_CA_BUNDLE',
    key: 'plugins[].mcp.tls.ca_bundle',
    says: '/etc/old/ca.crt',
    file: caCrt,
    effect: 'with the value of the file the credentials load, with that of the variable they do not',
  },
});

export const CertVersion1 = defineRefusal('SALLY_DOCTOR_X509_V1', {
  message: (c) =>
    `${c.path} (${c.subject}) is an X.509 version 1 certificate: it cannot say what it is for, and strict verifiers (Python 3.13) refuse it`,
  remedy: (c) => `issue it again as version 3: ${renewal(c.path, true)}`,
  example: { path: serverCrt, subject: 'CN=mcp-plugin-MyPlugin' },
});

export const PortDiffers = defineRefusal('SALLY_DOCTOR_PORT', {
  message: (c) =>
    `${c.url} is not where ${c.file}, which hosts the plugin '${c.plugin}', listens: port ${c.port}${c.health ? ' (the URL has its plain health port)' : ''}`,
  remedy: (c) => `correct the port of mcp.url to ${c.port}, or PLUGINS_SERVER_PORT on the server's side`,
  example: {
    url: 'https://localhost:8001/mcp',
    plugin: 'MyPlugin',
    file: 'plugins/test.yaml',
    port: 8000,
    health: false,
  },
});

export const BoundElsewhere = defineRefusal('SALLY_DOCTOR_BOUND_ELSEWHERE', {
  message: (c) =>
    `${c.peer} is not on ${c.asked.join(', ')}; on this machine something listens on port ${c.port} of ${c.open.join(', ')}`,
  remedy: (c) =>
    `use that address in the URL, or bind the server to the other one: server_settings.host or PLUGINS_SERVER_HOST (0.0.0.0 for all); see what listens: lsof -i :${c.port}`,
  example: {
    peer: 'the plugin server https://10.1.2.3:8000',
    asked: ['10.1.2.3'],
    open: ['127.0.0.1'],
    port: 8000,
  },
});

export const OldTlsAccepted = defineRefusal('SALLY_DOCTOR_OLD_TLS', {
  message: (c) => `${c.peer} accepts ${c.protocol}`,
  remedy: (c) =>
    `have it take TLS 1.2 and 1.3 only; this has to fail then: echo | openssl s_client -connect ${connectTo(c.peer)} -tls1_1`,
  example: { peer: pluginServer, protocol: 'TLSv1.1' },
});

export const ClientCertNotDemanded = defineRefusal('SALLY_DOCTOR_NOT_MUTUAL', {
  message: (c) => `${c.peer} serves clients that show no certificate: ${c.seen}`,
  remedy:
    'server_settings.tls.ssl_cert_reqs: 2, or PLUGINS_SERVER_SSL_CERT_REQS=2 with PLUGINS_SERVER_SSL_ENABLED=true, then start it again',
  example: { peer: pluginServer, seen: 'ssl_cert_reqs is 0' },
});

export const HealthExposed = defineRefusal('SALLY_DOCTOR_HEALTH_EXPOSED', {
  message: (c) =>
    `the plain HTTP health endpoint is on ${c.host}:${c.port}, where other hosts can reach it without credentials`,
  remedy:
    'server_settings.host: 127.0.0.1, or PLUGINS_SERVER_HOST=127.0.0.1; where others have to reach the plugins, let a firewall or NetworkPolicy keep port + 1000 to the prober',
  example: { host: '0.0.0.0', port: 9000 },
});

export const ClockSkewed = defineRefusal('SALLY_DOCTOR_CLOCK', {
  message: (c) => `the clocks differ: ${c.peer} has ${isoTime(c.theirs)}, it is ${isoTime(c.here)} here`,
  remedy: 'compare date -u on both hosts, and have both follow one time server: timedatectl set-ntp true',
  example: {
    peer: pluginServer,
    theirs: new Date('2026-11-22T14:00:00Z'),
    here: new Date('2026-11-22T12:00:00Z'),
  },
});

export const RotationHalfDone = defineRefusal('SALLY_DOCTOR_ROTATION', {
  message: (c) =>
    `the replacement of the CA in ${c.dir} is not finished: ${c.phase}${c.behind.length > 0 ? `; not there yet: ${c.behind.join(', ')}` : ''}`,
  remedy: (c) => c.next,
  example: {
    dir: 'certs/mcp',
    phase: 'prepared',
    behind: ['MyPlugin'],
    next: 'sallyport certs ca-rotate prepare',
  },
});

export const StaleCertificate = defineRefusal('SALLY_DOCTOR_STALE', {
  message: (c) => `${c.peer} shows another certificate than the one in ${c.certfile}`,
  remedy:
    'another process has the port, or the server has not taken the new files: see its log, or send it SIGHUP',
  example: { peer: pluginServer, certfile: serverCrt },
});

export const HealthPortUrl = defineRefusal('SALLY_DOCTOR_HEALTH_PORT', {
  message: (c) => `${c.url} is the plain health port of a server, which is its port + 1000`,
  remedy: (c) => `write the port of MCP: ${c.mcp}`,
  example: { url: 'https://localhost:9000/mcp', mcp: 'https://localhost:8000/mcp' },
});

export const HealthSilent = defineRefusal('SALLY_DOCTOR_HEALTH', {
  message: (c) => `the health endpoint ${c.url} does not answer: ${c.seen}`,
  remedy: (c) => `see who has its port: lsof -i :${new URL(c.url).port}; it is the main port + 1000`,
  example: { url: 'http://localhost:9000/health', seen: 'ECONNREFUSED' },
});
