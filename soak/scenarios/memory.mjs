import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { hookRequest, load, openClient, toolRequest } from '../lib/calls.mjs';

export const title = 'memory and handles at the end as at the start';
export const share = 0.1;

/** What V8 keeps for itself between two collections is no leak; what grows with each round is. */
const marginBytes = 60_000_000;
/** How many connections between the programs rest is chance. A handle that is lost with each of thousands shows all the same. */
const resting = 4;
/** Longer than a connection to a plugin server rests. */
const settleMs = 40_000;

/** The same load twice, with sessions, clients that vanish and floods in it: after the second round nothing more is held than after the first. */
export async function run(place, { seconds }) {
  const server = await place.startServer();
  const upstream = await place.startUpstream();
  const gateway = await place.startGateway({ auth: 'mtls', plugins: server.port, upstream });
  const round = () => oneRound(place, { server, gateway, ms: (seconds * 1_000) / 3 });
  const programs = { serve: server, gateway };
  await round();
  const before = await settled(place, programs);
  await round();
  await round();
  const after = await settled(place, programs, before);
  const told = [];
  let fine = true;
  for (const name of Object.keys(programs)) {
    const [was, is] = [before[name], after[name]];
    const grown = is.rss - was.rss;
    if (grown > marginBytes || is.files > was.files + resting) fine = false;
    told.push(`${name}: ${mb(was.rss)} → ${mb(is.rss)} MB, ${was.files} → ${is.files} files`);
  }
  return { fine, told: `${told.join('; ')} (at most ${mb(marginBytes)} MB and ${resting} more)` };
}

const mb = (bytes) => Math.round(bytes / 1_000_000);

async function oneRound(place, { server, gateway, ms }) {
  const until = Date.now() + ms;
  const over = () => Date.now() > until;
  const origin = `https://localhost:${gateway.port}`;
  const tools = openClient(origin, place.clientTls);
  const hooks = openClient(`https://localhost:${server.port}`, place.clientTls);
  const tool = (name) => () => tools.call((mark) => toolRequest(name, mark));
  const shortLived = async () => {
    const client = openClient(origin, place.clientTls, { connections: 1 });
    const outcome = await client.call((mark) => toolRequest('web__mark', mark));
    await client.close();
    return outcome;
  };
  const stranger = async () => {
    const socket = connect({ host: 'localhost', port: Math.random() < 0.5 ? server.port : gateway.port });
    socket.on('error', () => {});
    socket.write('half a hello');
    await sleep(20);
    socket.destroy();
    return { kind: 'ok' };
  };
  await load(
    [
      tool('web__mark'),
      tool('web__mark'),
      tool('child__mark'),
      () => hooks.call(hookRequest),
      shortLived,
      stranger,
    ],
    over,
  );
  await tools.close();
  await hooks.close();
}

/** What the programs hold once their idle connections have ended, or as little as they held before. */
async function settled(place, programs, before) {
  const now = () =>
    Object.fromEntries(Object.entries(programs).map(([name, program]) => [name, place.holds(program)]));
  const until = Date.now() + settleMs;
  let seen = now();
  while (Date.now() < until) {
    await sleep(1_000);
    const next = now();
    const quiet = Object.keys(programs).every(
      (name) => next[name].files <= (before?.[name].files ?? seen[name].files),
    );
    seen = next;
    if (before && quiet) break;
  }
  return seen;
}
