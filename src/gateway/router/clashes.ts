import { NameClash, type SallyError } from '../../errors.js';
import { signalWithin } from '../../http/index.js';
import { type Kind, kinds } from '../../mcp/methods.js';
import type { Upstream } from '../upstream.js';
import { canClash, findClashes, type Listing } from './catalog.js';
import type { ClientState } from './client-state.js';
import type { Context } from './context.js';
import { NameIndex } from './name-index.js';
import { offerOf } from './names.js';
import { listWaitMs } from './waiting.js';

/** The public names of which several upstreams have one. Those upstreams are asked whose names can meet, and no other. */
export async function clashingNames(
  kind: Kind,
  state: ClientState,
  context: Context,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const routes = context.routes();
  const meeting = routes.filter((one) =>
    routes.some((other) => other !== one && canClash(kind, one.offer, other.offer)),
  );
  const limit = signalWithin(listWaitMs, signal);
  const listings = await Promise.all(
    meeting.map(async ({ upstream, offer }): Promise<Listing> => {
      try {
        const session = await context.sessions.of(state, upstream, limit);
        return { offer, names: await context.index.names(session, kind, limit) };
      } catch {
        return { offer, names: [] };
      }
    }),
  );
  const clashes = findClashes(kind, listings);
  for (const { name, upstreams } of clashes) {
    context.warnOnce(NameClash({ what: kinds[kind].what, name, upstreams }));
  }
  return new Set(clashes.map(({ name }) => name));
}

/**
 * The names of tools and prompts that several of these upstreams offer: for whoever starts them, and rather refuses
 * than leaves something out. An upstream that does not answer before the signal has no names. URIs are not looked at:
 * two servers of one kind have the same, and which of them is meant no prefix can say.
 */
export async function clashesAmong(
  upstreams: readonly Upstream[],
  signal: AbortSignal,
): Promise<SallyError[]> {
  const index = new NameIndex();
  const client = 'clashes';
  const all = await Promise.all(
    (['tools', 'prompts'] as const).map(async (kind) => {
      const listings = upstreams.map(async (upstream): Promise<Listing> => {
        const offer = offerOf(upstream.settings, upstreams.length);
        try {
          const wish = { principal: 'sallyport', client, capabilities: {}, own: false };
          return { offer, names: await index.names(await upstream.session(wish, signal), kind, signal) };
        } catch {
          return { offer, names: [] };
        }
      });
      return findClashes(kind, await Promise.all(listings));
    }),
  );
  await Promise.allSettled(upstreams.map((upstream) => upstream.release(client)));
  return all
    .flat()
    .map(({ kind, name, upstreams: of }) => NameClash({ what: kinds[kind].what, name, upstreams: of }));
}
