import { NameClash } from '../../errors.js';
import { canClash, findClashes, type Listing } from './catalog.js';
import type { ClientState } from './client-state.js';
import type { Context } from './context.js';
import { type Kind, kinds } from './kinds.js';
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
  const limit = AbortSignal.any([signal, AbortSignal.timeout(listWaitMs)]);
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
