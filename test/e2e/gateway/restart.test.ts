import { once } from 'node:events';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { callTool, errorOf, openGateway } from '../../support/gateway.js';
import { startPluginServer } from '../../support/plugin-server.js';

it('[G6,G7] a plugin server that was restarted is found again on the next call', async () => {
  const first = await startPluginServer();
  const manager = await openGateway({ url: first.url });
  expect(await callTool(manager)).toBe('what a crud day');
  await first.stop();
  await startPluginServer({ port: first.port });
  expect(await callTool(manager)).toBe('what a crud day');
});

it('[G6,G7] one that was killed and started again is found again too', async () => {
  const first = await startPluginServer();
  const manager = await openGateway({ url: first.url });
  await callTool(manager);
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  expect((await errorOf(callTool(manager))).code).toBe('SALLY_CONNECT_REFUSED');
  await startPluginServer({ port: first.port });
  expect(await callTool(manager)).toBe('what a crud day');
});

it.each([
  ['enforce', undefined],
  ['enforce_ignore_error', 'what a crap day'],
  ['permissive', 'what a crap day'],
  ['disabled', 'what a crap day'],
])('[G6,G7] a server that is down, with mode %s', async (mode, passes) => {
  const server = await startPluginServer();
  await server.stop();
  const manager = await openGateway({ url: server.url, entry: { mode } });
  if (passes === undefined) expect((await errorOf(callTool(manager))).code).toBe('SALLY_CONNECT_REFUSED');
  else expect(await callTool(manager)).toBe(passes);
});

it('[G6] fail_on_plugin_error blocks whatever the mode says', async () => {
  const server = await startPluginServer();
  await server.stop();
  const manager = await openGateway({
    url: server.url,
    entry: { mode: 'permissive' },
    settings: { fail_on_plugin_error: true },
  });
  expect((await errorOf(callTool(manager))).code).toBe('SALLY_CONNECT_REFUSED');
});

it('[G6] a server that dies in the middle of a call fails that call, and the caller does not wait for ever', async () => {
  const kind = resolve(import.meta.dirname, '../../support/plugins/misbehaving.mjs');
  const server = await startPluginServer({ plugins: [{ name: 'Odd', kind }] });
  const manager = await openGateway({ url: server.url, name: 'Odd' });
  const hanging = errorOf(manager.request().invoke('tool_pre_invoke', { name: 'hang' }));
  await server.waitForLog((line) => line.msg === 'begun: hang');
  server.child.kill('SIGKILL');
  expect((await hanging).code).toMatch(/^SALLY_(CONNECT_LOST|CONNECT_REFUSED|TLS_HANDSHAKE)$/);
});

it('[G6] a server that is down does not keep the manager from starting, and is told of', async () => {
  const server = await startPluginServer();
  await server.stop();
  const { openPluginManager } = await import('../../../src/manager/index.js');
  const { gatewayConfig } = await import('../../support/gateway.js');
  const { createLogger } = await import('../../../src/log.js');
  const logged: string[] = [];
  const log = createLogger({
    level: 'info',
    stream: { write: (line) => logged.push(line) },
  });
  const manager = await openPluginManager(gatewayConfig({ url: server.url }), { log });
  expect(logged.join('')).toContain('SALLY_CONNECT_REFUSED');
  await startPluginServer({ port: server.port });
  expect(await callTool(manager)).toBe('what a crud day');
  await manager.close();
});

it('[G6] a caller that gives up ends the call at the plugin too', async () => {
  const kind = resolve(import.meta.dirname, '../../support/plugins/misbehaving.mjs');
  const server = await startPluginServer({ plugins: [{ name: 'Odd', kind }], env: { LOG_LEVEL: 'DEBUG' } });
  const manager = await openGateway({ url: server.url, name: 'Odd' });
  const control = new AbortController();
  const call = errorOf(
    manager.request().invoke('tool_pre_invoke', { name: 'hang' }, { signal: control.signal }),
  );
  await server.waitForLog((line) => line.msg === 'begun: hang');
  control.abort();
  expect((await call).code).toBe('SALLY_CALL_CANCELLED');
  await server.waitForLog((line) => line.msg === 'aborted: hang');
});
