import type { Check } from './check.js';
import { configurationChecks } from './checks/configuration.js';
import { contractChecks } from './checks/contract.js';
import { credentialChecks } from './checks/credentials.js';
import { folderChecks } from './checks/folder.js';
import { handshakeChecks } from './checks/handshake.js';
import { pairChecks } from './checks/pair.js';
import { serverChecks } from './checks/server.js';
import { wayChecks } from './checks/way.js';

/** Every check. Within a group they run, and are printed, in this order. */
export const checks: readonly Check[] = [
  ...configurationChecks,
  ...folderChecks,
  ...credentialChecks,
  ...pairChecks,
  ...wayChecks,
  ...serverChecks,
  ...handshakeChecks,
  ...contractChecks,
];
