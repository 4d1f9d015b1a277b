import { until } from '../../interop/lib/processes.mjs';
import { difference, placeOf } from './compare.mjs';
import { upstreamOf, withGateway } from './gateways.mjs';
import { isModern, look, observe } from './observe.mjs';
import { childOf, freshWork, stdioOf, withHttp } from './places.mjs';
import { planFor } from './plan.mjs';
import { openSession } from './session.mjs';
import { acrossEras, asInModern, byValue, prefixedPlan, unprefixed } from './translate.mjs';
import { twice } from './twice.mjs';

/** The ways through the gateway: who speaks how to whom. */
export const ways = {
  stdio: 'HTTP to the gateway, stdio to the server',
  http: 'HTTP to the gateway, HTTP to the server',
  modern: 'a client of 2026-07-28, HTTP to the server',
  together: 'behind one gateway with all the others, names prefixed',
};

/** How long the children of one client may take to be there. */
const togetherMs = 120_000;

/** Two direct looks, over either transport: what they do not agree on varies by itself. */
async function directly(server, place, plan) {
  const see = async (transport, options) => {
    const work = await freshWork(server, place);
    const here = { ...place, work };
    const from = async (target) => {
      const seen = await observe(target, { root: work, ...options });
      return { ...seen, modern: options.andModern && (await isModern(target)) };
    };
    return transport === 'stdio'
      ? from(childOf(server, here))
      : withHttp(server, here, (url) => from({ url }));
  };
  const first = await see('stdio', { plan });
  const { steps } = first;
  const stdio = [first, await see('stdio', { plan: steps, andModern: true })];
  const http = [await see('http', { plan: steps }), await see('http', { plan: steps, andModern: true })];
  const modern = {};
  for (const [transport, [, { modern: has }]] of Object.entries({ stdio, http })) {
    if (has) modern[transport] = await see(transport, { plan: steps, era: 'modern' });
  }
  return { steps, stdio, http, modern };
}

/**
 * Every step of a server by every way: way → {key: what differs, or undefined}. On a busy machine an answer may be late
 * once: a difference that is not known counts when it comes twice.
 */
export async function serverCells(server, place, chosen, isKnown) {
  const plan = (lists) => planFor(server, { ...place, work: workOf(server, place) }, lists);
  const direct = await directly(server, place, plan);
  const { steps } = direct;
  const fresh = async () => {
    const work = await freshWork(server, place);
    return { place: { ...place, work }, root: work };
  };
  const through = {
    async stdio() {
      const { place: here, root } = await fresh();
      const upstreams = { one: upstreamOf(stdioOf(server, here)) };
      const seen = await withGateway(place.folder, { upstreams }, (url) =>
        observe({ url }, { root, plan: steps }),
      );
      return compare(...direct.stdio, seen, keysOf(steps), direct.modern.stdio);
    },
    async http() {
      const { place: here, root } = await fresh();
      const seen = await withHttp(server, here, (target) =>
        withGateway(place.folder, { upstreams: { one: { url: target } } }, (url) =>
          observe({ url }, { root, plan: steps }),
        ),
      );
      return compare(...direct.http, seen, keysOf(steps), direct.modern.http);
    },
    async modern() {
      const { place: here, root } = await fresh();
      const options = { root, plan: steps, era: 'modern' };
      const seen = await withHttp(server, here, (target) =>
        withGateway(place.folder, { upstreams: { one: { url: target } } }, (url) =>
          observe({ url }, options),
        ),
      );
      const like = direct.modern.http ? [direct.modern.http, direct.modern.http] : direct.http;
      const asked = steps.filter(({ legacyOnly }) => !legacyOnly);
      return compare(...[...like, seen].map(acrossEras), keysOf(asked));
    },
  };
  const cells = {};
  for (const way of Object.keys(through).filter((one) => chosen.includes(one))) {
    const cell = () => through[way]().catch((error) => ({ 'the connection': [error.message.slice(0, 600)] }));
    cells[way] = await twice(cell, (key, differences) => isKnown(way, key, differences));
  }
  return { cells, direct, eras: erasOf(direct.modern) };
}

const workOf = (server, { folder }) => `${folder}/${server.id}`;

const erasOf = ({ stdio, http }) => (stdio && http ? 'both' : stdio ? 'both (stdio)' : 'legacy');

const keysOf = (steps) => [
  'instructions',
  'capabilities',
  ...steps.map(({ key }) => key),
  'what the server says by itself',
];

/**
 * What differs from two direct looks. The gateway speaks 2026-07-28 to a server that does: where what came is not what
 * the server says to this client, but what it says directly in 2026-07-28, the difference begins with those words.
 */
function compare(direct, again, through, keys, modern) {
  const inModern = modern && [modern, through].map((one) => acrossEras(one).seen);
  const told = (key) => {
    const found = difference(direct.seen[key], again.seen[key], through.seen[key]);
    if (!found || !inModern?.[0][key]) return found;
    const [expected, came] = inModern.map((seen) => seen[key]);
    const also = new Set(difference(expected, expected, came)?.map(placeOf));
    return found.map((one) => (also.has(placeOf(one)) ? one : `${asInModern}: ${one}`));
  };
  return Object.fromEntries(keys.map((key) => [key, told(key)]));
}

/** All servers behind one gateway, for one client: id → {key: what differs, or undefined}. */
export async function togetherCells(found, place) {
  const upstreams = {};
  for (const { server } of found) {
    const work = await freshWork(server, place);
    upstreams[server.id] = upstreamOf(stdioOf(server, { ...place, work }));
  }
  return withGateway(place.folder, { upstreams }, async (url) => {
    const session = await openSession({ url }, { root: place.folder });
    await session.open();
    await untilAllAreListed(session, found);
    const cells = {};
    for (const { server, direct } of found) {
      const asked = direct.steps.filter(({ ofNobody }) => !ofNobody);
      await session.moveTo(`${place.folder}/${server.id}`);
      const seen = await look(session, prefixedPlan(asked, server.id));
      const mine = { seen: unprefixed(seen, server.id, direct.stdio[0].seen) };
      const like = direct.stdio.map((one) => ({ seen: byValue(one.seen) }));
      const keys = asked.map(({ key }) => key);
      cells[server.id] = compare(...like, mine, keys, direct.modern.stdio);
    }
    await session.close();
    return cells;
  });
}

/** A client of its own has children of its own, which take their time to start: until then lists lack them. */
async function untilAllAreListed(session, found) {
  const listed = async () => {
    const { result } = await session.ask('tools/list');
    const { tools } = JSON.parse(result);
    return found.every(({ server }) => tools.some(({ name }) => name.startsWith(`${server.id}__`)));
  };
  // One that never comes shows below, in all that is asked of it.
  await until(togetherMs, 'all are listed', listed).catch(() => {});
}
