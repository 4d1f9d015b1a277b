import type { UpstreamSettings } from '../../config/index.js';
import { OauthClient } from '../../oauth/index.js';
import type { Upstream } from '../upstream.js';
import { TokenAuthorization } from './authorization.js';
import { OpenUpstream } from './open.js';
import { type UpstreamDeps, upstreamContext } from './options.js';
import { PerUserUpstream } from './per-user.js';

/**
 * Opens one upstream MCP server and begins to reach it: at once, and after every failure again with growing pauses,
 * until `close`. Never throws: what is wrong, files of certificates included, is its `state`.
 */
export function openUpstream(settings: UpstreamSettings, deps: UpstreamDeps): Upstream {
  const context = upstreamContext(settings, deps);
  if (settings.transport === 'stdio' || settings.oauth === undefined)
    return new OpenUpstream(settings, context);
  const { log, credentials, observer } = context;
  const client = new OauthClient(
    { ...settings, oauth: settings.oauth },
    {
      log,
      credentials,
      observer,
      counted: (grant, outcome) => deps.tokenMetrics?.counted(settings.name, grant, outcome),
    },
  );
  if (client.isPerUser) {
    const open = (authorization: TokenAuthorization) =>
      new OpenUpstream(settings, context, { authorization });
    return new PerUserUpstream(settings, { context, client, deps, open });
  }
  const authorization = new TokenAuthorization(client, (more) => client.token({ kind: 'client' }, more));
  return new OpenUpstream(settings, context, { authorization, close: () => client.close() });
}
