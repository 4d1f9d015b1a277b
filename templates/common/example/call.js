// An MCP client that calls tools through the gateway of gateway.yaml, whose plugin is where `npm run serve` runs.
import { readFile } from 'node:fs/promises';
import { createLogger } from 'sallyport';
import { testGateway } from 'sallyport/testing';

const calls = JSON.parse(await readFile(new URL('calls.json', import.meta.url), 'utf8'));
const log = createLogger({ level: 'error', pretty: true });
const gateway = await testGateway({ file: 'gateway.yaml', log }).catch((error) => {
  console.error(`${error.message}\n→ does \`npm run serve\` run? It makes the certificates, too`);
  process.exit(3);
});
for (const { tool, args } of calls) {
  const { text, error } = await gateway.callTool(tool, args);
  console.log(`${tool} ${JSON.stringify(args)}\n  → ${error ? `refused: ${error.message}` : text}`);
}
await gateway.close();
