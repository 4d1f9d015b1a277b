// The upstream that the suite is run against: node conformance/fixture.mjs modern|legacy
// Writes its URL to stdout and serves until it is killed.
import { createServer } from 'node:http';
import { localhostHostValidation, localhostOriginValidation } from '@modelcontextprotocol/node';
import { serveLegacy } from './fixture/legacy.mjs';
import { serveModern } from './fixture/modern.mjs';

const handlers = { modern: serveModern, legacy: serveLegacy };
const era = process.argv[2];
const handle = handlers[era]?.();
if (!handle) {
  process.stderr.write(`node conformance/fixture.mjs ${Object.keys(handlers).join('|')}\n`);
  process.exit(2);
}

const hostIsLocal = localhostHostValidation();
const originIsLocal = localhostOriginValidation();
const http = createServer((request, response) => {
  if (!hostIsLocal(request, response) || !originIsLocal(request, response)) return;
  handle(request, response).catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  });
});
http.listen(0, '127.0.0.1', () => {
  process.stdout.write(`http://127.0.0.1:${http.address().port}/mcp\n`);
});
