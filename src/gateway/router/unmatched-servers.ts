import { isPattern, type UpstreamSettings, type VirtualServerSettings } from '../../config/index.js';
import { type SallyError, ServerUnmatched } from '../../errors.js';
import type { NameForm } from '../../hooks/index.js';
import { nearest } from '../../nearest.js';
import { listedKeys, type Offered } from './conditions.js';
import { fullName, isShown, offerOf, publicName } from './lists.js';
import { patternMatches } from './uris.js';

/**
 * The names in virtual servers that no upstream offers: nobody would notice that they are not there. A list counts only where it is
 * known of all upstreams.
 */
export function unmatchedServers(
  servers: readonly VirtualServerSettings[],
  upstreams: readonly Pick<UpstreamSettings, 'name' | 'prefix' | 'include' | 'exclude' | 'tools'>[],
  offered: readonly Offered[],
  toolNames: NameForm,
): SallyError[] {
  return listedKeys.flatMap((key) => {
    if (offered.some((one) => one[key] === undefined)) return [];
    const known = upstreams.flatMap((settings, i) => {
      const offer = offerOf(settings, upstreams.length, toolNames);
      return [...(offered[i]?.[key] ?? [])]
        .filter((name) => isShown(key, name, offer))
        .flatMap((name) => [fullName(key, name, offer), publicName(key, name, offer)]);
    });
    return servers.flatMap(({ name: server, [key]: entries }) =>
      entries
        .filter(
          ({ name }) => !known.some((one) => (isPattern(name) ? patternMatches(name, one) : one === name)),
        )
        .map(({ name }) => ServerUnmatched({ server, key, name, meant: nearest(name, known) })),
    );
  });
}
