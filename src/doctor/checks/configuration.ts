import { isLoopback, proxyName, upstreamProxy } from '../../config/index.js';
import {
  ClientCertNotDemanded,
  ConfigInvalid,
  HealthExposed,
  HealthSilent,
  PortInUse,
  StaleCertificate,
  VariableDisagrees,
} from '../../errors.js';
import { certificateFile } from '../../tls/index.js';
import { checksOf, fail, ok, skipped, warn } from '../check.js';
import type { RawReply } from '../facts.js';

const port = checksOf('listener', 'way');

const file = checksOf('config', 'setting');

/** Warnings that checks of their own are about. */
const verification = ['SALLY_CONFIG_VERIFY_OFF', 'SALLY_CONFIG_HOSTNAME_CHECK_OFF'];

export const configurationChecks = [
  file({
    id: 'config-valid',
    group: 'configuration',
    title: 'the file is whole and valid',
    codes: [
      'SALLY_CONFIG_INVALID',
      'SALLY_CONFIG_TLS_INCOMPLETE',
      'SALLY_CONFIG_TLS_UNDECIDED',
      'SALLY_CONFIG_NO_UPSTREAMS',
    ],
    guide: ['configuration validation: fail fast', 'certificate paths are correct'],
    explains: 'all',
    look({ problem, config, leftOut }) {
      const upstreams = config?.gateway?.upstreams.length ?? 0;
      if (!problem && leftOut) return [ok(`servers: ${upstreams}`)];
      if (!problem) return [ok(`plugins: ${config?.plugins.map(({ name }) => name).join(', ') || 'none'}`)];
      const [first] = ConfigInvalid.is(problem) ? problem.context.problems : [];
      const { code, remedy } = first ?? problem;
      return [fail({ code, message: problem.message, remedy })];
    },
  }),
  file({
    id: 'plugins-load',
    group: 'configuration',
    title: 'every plugin can be loaded, and takes its config',
    codes: [
      'SALLY_PLUGIN_MODULE',
      'SALLY_PLUGIN_CONFIG',
      'SALLY_HOOK_UNKNOWN',
      'SALLY_SERVER_EXTERNAL',
      'SALLY_INTERNAL',
    ],
    guide: ['configuration validation: fail fast', 'server logs for startup errors'],
    explains: ['SALLY_CONNECT_REFUSED'],
    look({ plugins, config, keys }) {
      if (!config) return [skipped('the file is not valid')];
      const failed = plugins.flatMap(({ name, problem }) => (problem ? [{ name, problem }] : []));
      const doubts = plugins.flatMap(({ name, doubt }) =>
        doubt ? [warn(doubt, doubt.message, { lookedAt: name })] : [],
      );
      if (failed.length === 0 && doubts.length > 0) return doubts;
      if (failed.length === 0) return [ok(plugins.map(({ name }) => name).join(', ') || 'there is none')];
      // The server of a plugin that cannot be loaded does not start.
      const all = [...keys, ...config.plugins.map(({ name }) => `hosts:${name.toLowerCase()}`)];
      return [
        ...failed.map(({ name, problem }) => fail(problem, problem.message, { lookedAt: name, keys: all })),
        ...doubts,
      ];
    },
  }),
  file({
    id: 'rule-tests',
    group: 'configuration',
    title: 'rules decide as their tests expect',
    codes: ['SALLY_RULE_TEST'],
    look({ ruleTests }) {
      if (!ruleTests) return [skipped('only a gateway has rules')];
      const { run, problems } = ruleTests;
      if (run === 0) return [skipped('there are no rule_tests')];
      return problems.length > 0 ? problems.map((problem) => fail(problem)) : [ok(`tests that pass: ${run}`)];
    },
  }),
  file({
    id: 'audit-log',
    group: 'files and permissions',
    title: "the audit log can be written, and its key is nobody else's",
    codes: ['SALLY_AUDIT_WRITE', 'SALLY_AUDIT_KEY', 'SALLY_AUDIT_KEY_READABLE', 'SALLY_AUDIT_KEY_BESIDE'],
    look({ audit }) {
      if (!audit) return [skipped('none is kept')];
      const { file: lookedAt, problems, warnings } = audit;
      if (problems.length + warnings.length === 0) return [ok('it can be written', lookedAt)];
      return [
        ...problems.map((problem) => fail(problem, problem.message, { lookedAt })),
        ...warnings.map((warning) => warn(warning, warning.message, { lookedAt })),
      ];
    },
  }),
  file({
    id: 'conditions-met',
    group: 'configuration',
    title: 'conditions of plugins and virtual servers name what the upstreams have',
    codes: ['SALLY_CONDITION_UNMATCHED', 'SALLY_SERVER_UNMATCHED'],
    look({ gateway }) {
      if (!gateway) return [skipped('only a gateway has upstreams')];
      if (gateway.unmatched.length > 0) return gateway.unmatched.map((problem) => warn(problem));
      return [ok('no name that an upstream does not have')];
    },
  }),
  file({
    id: 'tools-locked',
    group: 'configuration',
    title: 'upstreams offer what was locked',
    codes: [
      'SALLY_TOOLS_LOCK_MISSING',
      'SALLY_TOOLS_LOCK_FILE',
      'SALLY_TOOLS_LOCK_EDITED',
      'SALLY_TOOLS_WITHHELD',
    ],
    look({ gateway }) {
      const lock = gateway?.lock;
      if (!lock) return [skipped('there is no lock on tools')];
      const { file: lookedAt, problem, differing } = lock;
      if (problem) return [fail(problem, problem.message, { lookedAt })];
      if (differing.length > 0) return differing.map((one) => warn(one, one.message, { lookedAt }));
      return [ok('nothing else is offered', lookedAt)];
    },
  }),
  file({
    id: 'clients-known',
    group: 'authorisation',
    title: 'the gateway can tell who calls it',
    codes: [
      'SALLY_FILE_UNREADABLE',
      'SALLY_TOKENS_FILE',
      'SALLY_TOKENS_READABLE',
      'SALLY_TOKENS_NONE',
      'SALLY_JWKS',
      'SALLY_JWKS_UNAVAILABLE',
    ],
    guide: ['configuration validation: fail fast'],
    look({ config, gateway }) {
      if (!gateway) return [skipped('only a gateway has clients')];
      const { problem, remarks } = gateway.auth;
      if (problem) return [fail(problem)];
      return remarks.length > 0
        ? remarks.map((remark) => warn(remark))
        : [ok(`auth: ${config?.gateway?.auth.kind}`)];
    },
  }),
  file({
    id: 'oauth-files',
    group: 'files and permissions',
    title: 'the files of OAuth towards upstreams can be used',
    codes: [
      'SALLY_FILE_UNREADABLE',
      'SALLY_OAUTH_VAULT',
      'SALLY_UPSTREAM_OAUTH_TOKEN',
      'SALLY_TLS_KEY_READABLE',
    ],
    look({ gateway }) {
      if (!gateway?.oauth) return [skipped('none is named')];
      const { problems, remarks } = gateway.oauth;
      if (problems.length + remarks.length === 0) return [ok('they can be read')];
      return [...problems.map((problem) => fail(problem)), ...remarks.map((remark) => warn(remark))];
    },
  }),
  file({
    id: 'servers-used',
    group: 'configuration',
    title: 'every server of a list can be used',
    codes: ['SALLY_CONFIG_SERVER_LEFT_OUT'],
    look({ leftOut, config }) {
      if (!leftOut) return [skipped('only a list of servers, as editors keep it, leaves some out')];
      if (leftOut.length > 0) return leftOut.map((problem) => fail(problem));
      return [ok(config?.gateway?.upstreams.map(({ name }) => name).join(', ') ?? 'none')];
    },
  }),
  file({
    id: 'upstream-ways',
    group: 'configuration',
    title: 'which upstreams are reached through a proxy',
    codes: [],
    look({ config, side }) {
      if (!config?.gateway || side === 'server') return [skipped('only a gateway has upstreams')];
      const ways = config.gateway.upstreams.flatMap((upstream) => {
        if (upstream.transport === 'stdio') return [];
        const proxy = upstreamProxy(upstream);
        return [`${upstream.name} ${proxy ? `through the proxy ${proxyName(proxy)}` : 'without a proxy'}`];
      });
      return [ok(ways.join(', ') || 'none is reached over HTTP')];
    },
  }),
  file({
    id: 'variables-agree',
    group: 'configuration',
    title: 'no variable says otherwise than the file',
    codes: ['SALLY_DOCTOR_VARIABLE'],
    explains: 'all',
    look({ overrides, config }) {
      if (!config) return [skipped('the file is not valid')];
      if (overrides.length === 0) return [ok('none that differs is set')];
      return overrides.map(({ harm, ...override }) => {
        const problem = VariableDisagrees({ ...override, effect: harm ?? '' });
        const seen = `${override.variable} (${override.says}) wins over ${override.file}`;
        return harm === undefined ? warn(problem, seen) : fail(problem, seen);
      });
    },
  }),
  file({
    id: 'verification-on',
    group: 'configuration',
    title: 'servers are verified, and their names checked',
    codes: verification,
    guide: ['certificate verification on', 'host name verification on'],
    look({ config, side }) {
      if (!config || side === 'server') return [skipped('only a gateway verifies servers')];
      const found = config.warnings.filter(({ code }) => verification.includes(code));
      return found.length > 0
        ? found.map((warning) => warn(warning))
        : [ok('verify and check_hostname are on')];
    },
  }),
  file({
    id: 'config-remarks',
    group: 'configuration',
    title: 'nothing in it deserves a second look',
    codes: [
      'SALLY_CONFIG_TLS_TURNED_OFF',
      'SALLY_CONFIG_NO_CLIENT_CERTIFICATE',
      'SALLY_CONFIG_PLAIN_HTTP',
      'SALLY_CONFIG_MTLS_VARIABLES_UNUSED',
      'SALLY_CONFIG_UNKNOWN_VARIABLE',
      'SALLY_CONFIG_PROXY_IDLE',
      'SALLY_CONFIG_NO_PROXY',
      'SALLY_CONFIG_SERVER_KEYS',
    ],
    guide: ['no plain HTTP in production'],
    look({ config }) {
      if (!config) return [skipped('the file is not valid')];
      const found = config.warnings.filter(({ code }) => !verification.includes(code));
      return found.length > 0 ? found.map((warning) => warn(warning)) : [ok('no warnings')];
    },
  }),
];

const isHealth = (reply: RawReply | undefined): boolean => /"status":"/.test(reply?.body ?? '');

/** What the file of a plugin server asks for, and what of it is to be seen on its machine. */
export const serverChecks = [
  file({
    id: 'mutual-tls',
    group: 'authorisation',
    title: 'the plugin server demands client certificates',
    codes: ['SALLY_DOCTOR_NOT_MUTUAL'],
    guide: ['insecure mode off', 'ssl_cert_reqs 2', 'no plain HTTP in production'],
    look({ config, side, path }) {
      if (!config || side === 'gateway') return [skipped('only a plugin server does')];
      const { tls, host, uds, transport } = config.server;
      if (uds !== undefined || transport === 'stdio') return [ok('nobody else reaches it')];
      const problem = (seen: string) => ClientCertNotDemanded({ peer: `the plugin server of ${path}`, seen });
      if (!tls) {
        const bare = problem(`plain HTTP on ${host}`);
        return [isLoopback(host) ? warn(bare) : fail(bare)];
      }
      if (tls.sslCertReqs === 2) return [ok('ssl_cert_reqs 2')];
      const seen = problem(`ssl_cert_reqs is ${tls.sslCertReqs}`);
      return [tls.sslCertReqs === 0 ? fail(seen) : warn(seen)];
    },
  }),
  file({
    id: 'health-local',
    group: 'health port',
    title: 'the plain health endpoint stays on this machine',
    codes: ['SALLY_DOCTOR_HEALTH_EXPOSED'],
    guide: ['health endpoint on localhost', 'bound to the right interface'],
    look({ config, side }) {
      if (!config || side === 'gateway') return [skipped('only a plugin server has one')];
      const { tls, host, port } = config.server;
      if (!tls) return [skipped('there is none without TLS')];
      const at = `${host}:${port + 1_000}`;
      return [isLoopback(host) ? ok(at) : fail(HealthExposed({ host, port: port + 1_000 }))];
    },
  }),
  port({
    id: 'port-ours',
    group: 'reachability and TLS',
    title: 'the port is free, or our server has it',
    codes: ['SALLY_SERVER_PORT_IN_USE', 'SALLY_SERVER_LISTEN', 'SALLY_DOCTOR_STALE'],
    guide: ['server running: lsof', 'bound to the right interface'],
    look({ what, main, cannotListen, look, tls, certificate, host, port, title, healthReply }) {
      if (cannotListen) return [fail(cannotListen)];
      if (main.kind === 'closed') return [ok(`nothing listens yet (${main.code})`)];
      const taken = PortInUse({ host, port, what });
      if (!tls && isHealth(healthReply)) return [ok(`${healthReply?.status} ${healthReply?.body}`)];
      if (!tls) return [fail(taken, 'something listens that is none of ours')];
      if (look?.kind !== 'spoken') return [fail(taken, 'something listens that does not speak TLS')];
      if (certificate === undefined || look.chain[0] === undefined) return [skipped('nothing to compare')];
      if (look.chain[0].raw.equals(certificate.raw)) return [ok('our certificate is shown there')];
      return [
        fail(StaleCertificate({ peer: `the server on ${title}`, certfile: certificateFile(tls) ?? '' })),
      ];
    },
  }),
  port({
    id: 'health-answers',
    group: 'health port',
    title: 'port + 1000 is free, or our health endpoint has it',
    codes: ['SALLY_SERVER_PORT_IN_USE', 'SALLY_DOCTOR_HEALTH'],
    guide: ['health server on port + 1000'],
    look({ main, health, healthReply, tls, host, port }) {
      if (!tls || health.kind === 'unknown') return [skipped('there is none without TLS')];
      const url = `http://${host}:${port + 1_000}/health`;
      if (health.kind === 'open' && isHealth(healthReply))
        return [ok(`${healthReply?.status} ${healthReply?.body}`, url)];
      if (health.kind === 'open') {
        const taken = PortInUse({ host, port: port + 1_000, what: 'the health server (port + 1000)' });
        return [fail(taken, 'something else listens', { lookedAt: url })];
      }
      return [
        main.kind === 'open'
          ? fail(HealthSilent({ url, seen: health.code }), health.code, { lookedAt: url })
          : ok('free', url),
      ];
    },
  }),
];
