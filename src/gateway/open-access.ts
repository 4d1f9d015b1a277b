import type { GatewaySettings } from '../config/index.js';
import type { Access, Rules } from './access.js';
import { readToolsLock, type WatchDeps, watchTools } from './tools-lock/index.js';

/** Reads what decides who may see and use what, beside the rules; undefined where nothing does. @throws SallyError where it cannot be used. */
export async function openAccess(
  { toolsLock }: Pick<GatewaySettings, 'toolsLock'>,
  rules: Rules | undefined,
  deps: WatchDeps,
): Promise<Access | undefined> {
  const lock = toolsLock && watchTools(await readToolsLock(toolsLock.file), toolsLock, deps);
  return lock || rules ? { lock, rules } : undefined;
}
