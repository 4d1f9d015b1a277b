import {
  ConnectionTimeout,
  HandshakeTimeout,
  HealthExposed,
  HttpStatusUnexpected,
  PluginAway,
  PluginNotFound,
} from '../../errors.js';
import { among, checksOf, fail, ok, skipped, warn } from '../check.js';

const server = checksOf('endpoint', 'contract');

/** The id of the check of a call as a whole. */
export const callCheck = 'mcp-answers';

const session = checksOf('session', 'contract');

/** What a server answers once one is in. */
export const contractChecks = [
  session({
    id: 'upstream-answers',
    group: 'MCP contract',
    title: 'the upstream can be reached, and speaks MCP',
    codes: [
      'SALLY_UPSTREAM_DOWN',
      'SALLY_UPSTREAM_SPAWN',
      'SALLY_UPSTREAM_LOST',
      'SALLY_UPSTREAM_TIMEOUT',
      'SALLY_UPSTREAM_STATUS',
      'SALLY_UPSTREAM_PROTOCOL',
      'SALLY_UPSTREAM_JSON',
      'SALLY_UPSTREAM_REPLY_ID',
      'SALLY_UPSTREAM_REPLY_SIZE',
    ],
    look: (facts) =>
      facts.with === 'upstream' ? [facts.problem ? fail(facts.problem) : ok(facts.seen)] : [],
  }),
  session({
    id: 'plugin-process-answers',
    group: 'MCP contract',
    title: 'a plugin server that is started, or on a Unix domain socket, has the plugin',
    codes: [
      'SALLY_CHILD_NOT_STARTED',
      'SALLY_CHILD_GONE',
      'SALLY_CONNECT_REFUSED',
      'SALLY_CONNECT_TIMEOUT',
      'SALLY_CONNECT_LOST',
      'SALLY_WIRE_REPLY',
      'SALLY_PLUGIN_NOT_FOUND',
    ],
    look: (facts) =>
      facts.with === 'plugin server' ? [facts.problem ? fail(facts.problem) : ok(facts.seen)] : [],
  }),
  server({
    id: 'mcp-path',
    group: 'MCP contract',
    title: 'MCP is at the path of the URL',
    codes: ['SALLY_WIRE_HTTP_STATUS'],
    look({ calls, url, plugins }) {
      const refused = calls.find((error) => HttpStatusUnexpected.is(error));
      if (!HttpStatusUnexpected.is(refused)) return [plugins ? ok(url.pathname) : skipped('not reached')];
      const { code, message, remedy, context } = refused;
      const right = new URL('/mcp', url).href;
      const better = [404, 405].includes(context.status) && url.pathname !== '/mcp' ? `use ${right}` : remedy;
      return [fail({ code, message, remedy: better }, `HTTP ${context.status} on ${url.pathname}`)];
    },
  }),
  server({
    id: callCheck,
    group: 'MCP contract',
    title: 'it answers the tools of the contract',
    codes: [
      'SALLY_WIRE_REPLY',
      'SALLY_WIRE_REPLY_ID',
      'SALLY_WIRE_REPLY_SIZE',
      'SALLY_WIRE_REPLY_HTTP',
      'SALLY_CONNECT_LOST',
      'SALLY_CONNECT_TIMEOUT',
      'SALLY_CALL_CANCELLED',
      'SALLY_INTERNAL',
    ],
    look({ calls, plugins }) {
      return among(calls, this.codes, plugins ? ok('get_plugin_configs') : skipped('not reached'));
    },
  }),
  server({
    id: 'plugin-away',
    group: 'MCP contract',
    title: 'its process answers at all',
    codes: ['SALLY_PLUGIN_AWAY'],
    look({ calls, ports, plugins, plugin, peer }) {
      if (plugin === undefined || !ports.some(({ state }) => state.kind === 'open')) {
        return [skipped('not reached')];
      }
      const silent = calls.some((error) => ConnectionTimeout.is(error) || HandshakeTimeout.is(error));
      if (plugins || !silent) return [ok('it does')];
      // Why it is silent is said elsewhere; this is what a gateway makes of it.
      return [warn(PluginAway({ plugin, peer, seconds: 0 }), 'it takes connections and answers nothing')];
    },
  }),
  server({
    id: 'plugin-known',
    group: 'MCP contract',
    title: 'it has the plugin of that name',
    codes: ['SALLY_PLUGIN_NOT_FOUND'],
    look({ calls, plugins, plugin, peer }) {
      const missing = calls.find((error) => PluginNotFound.is(error));
      if (PluginNotFound.is(missing)) {
        const [only] = missing.context.has;
        const remedy = only
          ? `use one of the names that it has: ${missing.context.has.join(', ')}`
          : missing.remedy;
        return [
          fail(
            { code: missing.code, message: missing.message, remedy },
            missing.context.has.join(', ') || 'none',
          ),
        ];
      }
      if (!plugins) return [skipped('not reached')];
      return [ok(`${plugin ? `${plugin}; ` : ''}${peer} has ${plugins.join(', ') || 'none'}`)];
    },
  }),
  server({
    id: 'health-exposed',
    group: 'health port',
    title: 'the plain health endpoint is not open to other hosts',
    codes: ['SALLY_DOCTOR_HEALTH_EXPOSED'],
    guide: ['health endpoint on localhost', 'health server on port + 1000'],
    look({ health, healthOpen, url, look }) {
      if (look?.kind !== 'spoken' || url.protocol === 'http:') return [skipped('there is none without TLS')];
      const port = Number(url.port || 443) + 1_000;
      const lookedAt = `port ${port}`;
      const [host] = healthOpen;
      if (host !== undefined)
        return [fail(HealthExposed({ host, port }), `open on ${healthOpen.join(', ')}`, { lookedAt })];
      return [
        ok(health ? `HTTP ${health.status}, on this machine only` : 'not to be reached from here', lookedAt),
      ];
    },
  }),
];
