// The floor of a handshake: a bare `node:tls` server that asks for a certificate and answers a line.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';

const [certfile, keyfile, cafile] = process.argv.slice(2);
const options = {
  cert: readFileSync(certfile),
  key: readFileSync(keyfile),
  ca: readFileSync(cafile),
  requestCert: true,
  rejectUnauthorized: true,
};
const server = createServer(options, (socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', () =>
    socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'),
  );
});
server.listen(0, 'localhost', () => console.log(server.address().port));
