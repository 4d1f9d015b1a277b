import { goServers } from './servers/go.mjs';
import { npmServers } from './servers/npm.mjs';
import { pypiServers } from './servers/pypi.mjs';

/**
 * The servers: how each is started over stdio and over HTTP, and what is asked of it beyond what it lists itself. What
 * is asked works without a network and without credentials. `work` is a folder of the server's own, empty but for
 * `files`, and a repository where `repository` says so. A server that has no HTTP is put behind a bridge that is a real
 * program itself.
 */
export const servers = [...npmServers, ...pypiServers, ...goServers];
