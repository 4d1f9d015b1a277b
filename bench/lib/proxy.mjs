// The floor of the gateway: a proxy of bytes, on the same kind of connections. It reads nothing of what it passes on.
import { serveProxy } from './serve-proxy.mjs';

const [port] = process.argv.slice(2);
serveProxy(port, (incoming, open) => incoming.pipe(open(incoming.headers)));
