/**
 * HTTP/1.1 on both sides: the server with its fast path, and a client that keeps connections. Reading begins with
 * `createFastPath` for what comes in, and with `openSocketPool` for what goes out.
 */
export { type ReadBody, type RefusedBody, readJson } from './body.js';
export { endConnection, endMs, retryAfter } from './end.js';
export { createFastPath, type FastHandler, type FastRequest } from './fast-path.js';
export { authority, listen, listenOnSocket, stopListening } from './listen.js';
export type { PooledReply } from './pooled-connection.js';
export { type Reply, type RequestHead, sendJson } from './reply.js';
export { createHostGuard, type HostGuard, refusedBy } from './request-head.js';
export { createHttpServer, graceMs, type Handler } from './server.js';
export { headerLines, openSocketPool, type SocketPool, writeRequest } from './socket-pool.js';
