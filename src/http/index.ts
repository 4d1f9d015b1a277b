export { readJson } from './body.js';
export type { Reply, RequestHead } from './exchange.js';
export { rebindingRefusal } from './guard.js';
export { authority, createHttpServer, type Handler, sendJson } from './http.js';
export { listen, listenOnSocket, stopListening } from './listen.js';
export { metricsPage } from './metrics.js';
export { createQuickDoor, createQuickFront, type QuickRequest } from './quick-door.js';
export { signalWithin } from './within.js';
