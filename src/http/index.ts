/**
 * HTTP/1.1 on both sides: the server with its fast path, and a client that keeps connections. Reading begins with
 * `createFastPath` for what comes in, and with `openSocketPool` for what goes out.
 */
export { createCors } from './cors.js';
export { endConnection, endMs, retryAfter } from './end.js';
export { createFastPath, type FastHandler, type FastRequest } from './fast-path.js';
export { createForwarding } from './forwarded.js';
export { authority, listen, listenOnSocket, stopListening } from './listen.js';
export { headerLines, type RefusedBody, readJson, writeRequest } from './message.js';
export type { PooledReply } from './pooled-connection.js';
export { type Reply, type RequestHead, sendJson } from './reply.js';
export { createHostGuard, type HostGuard, refusedBy } from './request-head.js';
export { createHttpServer, graceMs, type Handler } from './server.js';
export { openSocketPool, type SocketPool } from './socket-pool.js';
