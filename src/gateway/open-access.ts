import type { GatewaySettings } from '../config/index.js';
import type { Access, Rules } from './access.js';
import type { WatchDeps } from './tools-lock/index.js';

/**
 * Reads what decides who may see and use what, beside the rules; undefined where nothing does. The lock is loaded where one is configured.
 *
 * @throws SallyError where it cannot be used.
 */
export async function openAccess(
  { toolsLock }: Pick<GatewaySettings, 'toolsLock'>,
  rules: Rules | undefined,
  deps: WatchDeps,
): Promise<Access | undefined> {
  if (toolsLock === undefined) return rules && { rules };
  const { readToolsLock, watchTools } = await import('./tools-lock/index.js');
  return { lock: watchTools(await readToolsLock(toolsLock.file), toolsLock, deps), rules };
}
