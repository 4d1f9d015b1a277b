import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import {
  answers,
  cleanEnv,
  freePort,
  runProgram,
  startProgram,
  stopProgram,
  until,
  within,
} from '../../interop/lib/processes.mjs';
import { servers } from '../servers.mjs';
import { startAuthorizationServer } from './authorization-server.mjs';
import { differentValues } from './compare.mjs';
import { pipedGateway, upstreamOf, withGateway } from './gateways.mjs';
import { freshWork, stdioOf, withHttp } from './places.mjs';
import { root } from './programs.mjs';
import { hopKeys, hopMeta } from './translate.mjs';
import { twice } from './twice.mjs';

/** The ways of a client to the gateway. */
export const clientWays = {
  http: 'streamable HTTP',
  modern: 'streamable HTTP, revision 2026-07-28',
  stdio: 'the client starts `sallyport gateway --stdio`',
  oauth: 'from 401 by the metadata of RFC 9728 to a token, and on',
};

const clientMs = 150_000;
const prefix = 'everything__';
const [secret, redacted] = ['sk-abc123', '[removed]'];
const main = join(root, 'dist/cli/main.js');

/** What no client shall send home. */
const quiet = { DO_NOT_TRACK: '1', MCP_USE_ANONYMIZED_TELEMETRY: 'false', PYTHONDONTWRITEBYTECODE: '1' };

/** Runs one client to its end: what it makes of the server, key → value. */
async function look(client, target, place) {
  const { command, args } = await client.start();
  const bridged =
    client.bridge && target.url ? { prefix: target.prefix, ...client.bridge(target.url) } : target;
  const home = join(place.folder, 'home', client.id.replaceAll(/\W/g, '-'), String(Math.random()).slice(2));
  await mkdir(home, { recursive: true });
  // A home of its own: what a client keeps there (tokens, sessions) no other run finds.
  const own = {
    HOME: home,
    XDG_CONFIG_HOME: home,
    MCP_REMOTE_CONFIG_DIR: home,
    BROWSER: join(root, 'realworld/clients/consent.sh'),
  };
  const env = cleanEnv({ ...quiet, ...own });
  const asked = JSON.stringify({ ...bridged, ...(bridged.command && { env: { ...own, PATH: env.PATH } }) });
  const program = startProgram(command, [...args, asked], { env, cwd: home, group: true });
  let stdout = '';
  program.child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  try {
    await within(clientMs, client.id, new Promise((done) => program.child.once('close', done)));
    return (
      JSON.parse(stdout.trim().split('\n').at(-1) || 'null') ?? {
        connection: `it ended: ${program.tail().slice(-400)}`,
      }
    );
  } catch (error) {
    return { connection: `${error.message}: ${program.tail().slice(-400)}` };
  } finally {
    await stopProgram(program, 500);
  }
}

/** Runs `work` with a plugin behind mutual TLS that takes secrets out, as a gateway has it. */
async function withRedaction(folder, work) {
  const port = await freePort();
  const config = join(folder, 'redaction.yaml');
  const gatewayTls = {
    certfile: 'certs/mcp/gateway/client.crt',
    keyfile: 'certs/mcp/gateway/client.key',
    ca_bundle: 'certs/mcp/gateway/ca.crt',
  };
  const mcp = { proto: 'STREAMABLEHTTP', url: `https://localhost:${port}/mcp`, tls: gatewayTls };
  const entry = { name: 'Redaction', kind: 'external', mcp };
  await writeFile(config, stringify({ plugins: [entry] }));
  const env = cleanEnv({ MCP_PLUGIN_CONFIG: config });
  await runProgram(process.execPath, [main, 'certs', 'all'], { cwd: folder, env });
  const own = join(folder, 'certs/mcp/plugins/Redaction');
  const server = join(folder, 'redaction-server.yaml');
  await writeFile(
    server,
    stringify({
      plugins: [
        {
          name: 'Redaction',
          kind: 'plugins.regex_filter.search_replace.SearchReplacePlugin',
          hooks: ['tool_pre_invoke', 'tool_post_invoke'],
          config: { words: [{ search: 'sk-[a-z0-9]+', replace: redacted }] },
        },
      ],
      server_settings: {
        host: 'localhost',
        port,
        tls: {
          certfile: join(own, 'server.crt'),
          keyfile: join(own, 'server.key'),
          ca_bundle: join(own, 'ca.crt'),
          ssl_cert_reqs: 2,
        },
      },
    }),
  );
  const program = startProgram(process.execPath, [main, 'serve'], {
    env: cleanEnv({ PLUGINS_CONFIG_PATH: server }),
    cwd: folder,
  });
  program.child.stdout.resume();
  try {
    await until(20_000, 'the plugin server listens', () => answers({ host: 'localhost', port }));
    return await work([{ ...entry, mcp: { ...mcp, tls: absolute(gatewayTls, folder) } }]);
  } finally {
    await stopProgram(program);
  }
}

const absolute = (tls, folder) =>
  Object.fromEntries(Object.entries(tls).map(([key, path]) => [key, join(folder, path)]));

/** Tells of every client by every way: {key: what differs, or undefined}. */
export async function clientCells(clients, place, isWanted, isKnown, tell) {
  const everything = servers.find(({ id }) => id === 'everything');
  const memory = servers.find(({ id }) => id === 'memory');
  const upstreams = {};
  for (const server of [everything, memory]) {
    const work = await freshWork(server, place);
    upstreams[server.id] = upstreamOf(stdioOf(server, { ...place, work }));
  }
  const here = { ...place, work: join(place.folder, 'everything') };
  const directChild = stdioOf(everything, here);
  const keep = async (client, way, compare) => {
    await tell(
      client,
      way,
      await twice(compare, (key, differences) => isKnown(client.id, way, key, differences)),
    );
  };
  await withRedaction(place.folder, (plugins) =>
    withHttp(everything, here, (directUrl) =>
      withGateway(place.folder, { upstreams, plugins }, async (url) => {
        const piped = await pipedGateway(place.folder, { upstreams, plugins });
        for (const client of clients) {
          const compare = async (way, direct, through) => {
            if (!isWanted(client, way)) return;
            await keep(client, way, async () => {
              const before = await look(client, { ...direct, prefix: '' }, place);
              return compareLooks(before, await look(client, { ...through, prefix }, place));
            });
          };
          await compare('http', { url: directUrl }, { url });
          if (client.modern)
            await compare('modern', { url: directUrl, era: 'modern' }, { url, era: 'modern' });
          if (!client.bridge) await compare('stdio', directChild, { ...piped, env: {} });
        }
        const atTheDoor = clients.filter((client) => client.oauth && isWanted(client, 'oauth'));
        if (atTheDoor.length > 0) await withDoor({ upstreams, plugins, place }, atTheDoor, directUrl, keep);
      }),
    ),
  );
}

/** The clients that find their way to a token by themselves, at a door that takes tokens of an authorization server. */
async function withDoor({ upstreams, plugins, place }, clients, directUrl, keep) {
  const issuer = await startAuthorizationServer();
  const port = await freePort();
  const resource = `http://127.0.0.1:${port}/mcp`;
  const auth = {
    kind: 'jwt',
    issuer: issuer.issuer,
    audience: resource,
    jwks: issuer.jwks,
    scopes: ['mcp'],
    resource,
  };
  try {
    await withGateway(place.folder, { upstreams, plugins, auth, port }, async (url) => {
      for (const client of clients) {
        await keep(client, 'oauth', async () => {
          const before = await look(client, { url: directUrl, prefix: '' }, place);
          const after = await look(client, { url, oauth: true, prefix }, place);
          const asked = issuer.asked();
          const way = ['POST /register', 'GET /authorize', 'POST /token'].filter(
            (route) => !asked.includes(route),
          );
          const missing = way.length > 0 ? [`the client never asked ${way.join(', ')}`] : undefined;
          return { 'the way to a token': missing, ...compareLooks(before, after) };
        });
      }
    });
  } finally {
    issuer.close();
  }
}

function compareLooks(direct, through) {
  const keys = new Set([...Object.keys(direct), ...Object.keys(through)]);
  return Object.fromEntries([...keys].map((key) => [key, compareOne(key, direct, through)]));
}

function compareOne(key, direct, through) {
  if (key === 'connection') return [through.connection ?? `directly: ${direct.connection}`];
  const expected = plain(key === 'redacted' ? hidden(direct[key]) : direct[key]);
  const came = plain(own(key, direct, through[key]));
  if (key === 'progress') for (const one of [expected, came]) one?.told?.splice(2);
  const found = differentValues(expected, expected, came, '');
  return found.length > 0 ? found : undefined;
}

const hidden = (value) => JSON.parse(JSON.stringify(value ?? null).replaceAll(secret, redacted));

/** Ids that a client makes up are left out, and what a hop says of itself in the revision without sessions. */
const plain = (value) =>
  JSON.parse(
    JSON.stringify(value ?? null, withoutHop).replaceAll(
      /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g,
      'UUID',
    ),
  );

function withoutHop(key, value) {
  if (hopKeys.includes(key)) return undefined;
  // Some clients have another name for _meta.
  if (typeof value !== 'object' || value === null || !(hopMeta in value)) return value;
  const { [hopMeta]: _hop, ...meta } = value;
  return Object.keys(meta).length === 0 ? undefined : meta;
}

/** What one server's part of it is, under its own names. */
function own(key, direct, value) {
  if (key === 'instructions') return sectionOf(value);
  const mine = Array.isArray(value)
    ? value.filter((one) => {
        if (key === 'tools' || key === 'prompts') return one.name?.startsWith(prefix);
        return key !== 'resources' || direct[key].some(({ uri }) => uri === one.uri);
      })
    : value;
  return JSON.parse(JSON.stringify(mine ?? null).replaceAll(prefix, ''));
}

/** The instructions of several servers stand one after another, each below the name of its own. */
function sectionOf(instructions) {
  const [, text] = /^# everything\n\n(.*?)(?:\n\n# memory\n\n.*)?$/s.exec(instructions ?? '') ?? [];
  return text ?? instructions;
}
