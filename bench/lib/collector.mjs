// A collector that takes whatever comes: what sending spans costs is measured, and not what becomes of them.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  request
    .resume()
    .on('end', () => response.writeHead(200, { 'Content-Type': 'application/x-protobuf' }).end());
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
