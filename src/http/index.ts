export { readJson } from './body.js';
export { rebindingRefusal } from './guard.js';
export { authority, createHttpServer, type Handler, sendJson } from './http.js';
export { listen, listenOnSocket, stopListening } from './listen.js';
export { metricsPage } from './metrics.js';
export { signalWithin } from './within.js';
