export { readJson } from './body.js';
export { rebindingRefusal } from './guard.js';
export { authority, createHttpServer, type Handler, sendJson } from './http.js';
export { listen, listenOnSocket, stopListening } from './listen.js';
export { metricsPage } from './metrics.js';
export type { PooledReply, RequestLife } from './pooled-connection.js';
export type { ReplyStream } from './reply-stream.js';
export { openSocketPool, type SocketPool } from './socket-pool.js';
export { signalWithin } from './within.js';
