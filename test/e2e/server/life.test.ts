import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { sallyport } from '../../support/command.js';
import { temporaryFolder } from '../../support/folder.js';
import { callJson, hookCall, plainClient } from '../../support/mcp.js';
import { serverTls, startPluginServer, writeConfig } from '../../support/plugin-server.js';
import { tcpClient } from '../../support/tcp.js';

const kind = resolve(import.meta.dirname, '../../support/plugins/misbehaving.mjs');
const plugins = [{ name: 'Odd', kind }];
const call = (name: string, args: object = {}) => hookCall({ name, args }, { plugin_name: 'Odd' });

describe('a hook that goes wrong harms only its own call', () => {
  it.each([
    ['throw', 'SALLY_PLUGIN_ERROR', 'cannot read what is not there'],
    ['exit', 'SALLY_PLUGIN_ERROR', 'it called process.exit(0)'],
    ['hang', 'SALLY_PLUGIN_TIMEOUT', 'did not answer'],
    ['hang-deaf', 'SALLY_PLUGIN_TIMEOUT', 'did not answer'],
    ['nonsense', 'SALLY_PLUGIN_RESULT', 'expected object'],
    ['wrong-shape', 'SALLY_PLUGIN_RESULT', 'modified_payload.name'],
    ['circle', 'SALLY_PLUGIN_RESULT', 'circular'],
  ])('[S9] %s', async (name, code, message) => {
    const server = await startPluginServer({ plugins, settings: { plugin_timeout: 0.3 } });
    const client = await plainClient(server.url);
    const [reply, other] = await Promise.all([
      callJson(client, 'invoke_hook', call(name)),
      callJson(client, 'invoke_hook', call('ok')),
    ]);
    expect(reply['error']).toMatchObject({
      code,
      message: expect.stringContaining(message),
      plugin_name: 'Odd',
    });
    expect(other['result']).toMatchObject({ modified_payload: { args: { trail: ['Odd'] } } });
    await server.waitForLog((line) => line.code === code);
  });

  it.each(['serve', 'gateway'])(
    '[S9] a plugin that ends its process where it is loaded: %s says so',
    async (command) => {
      const folder = await temporaryFolder();
      await writeFile(join(folder, 'over.mjs'), 'process.exit(0);\n');
      const path = await writeConfig(
        {
          plugins: [{ name: 'Over', kind: './over.mjs' }],
          gateway: { upstreams: { a: { url: 'http://localhost:1/mcp' } } },
        },
        folder,
      );
      const { status, stderr } = await sallyport([command, '--config', path, '--port', '0']);
      expect(stderr).toContain('SALLY_PLUGIN_MODULE');
      expect(stderr).toContain('it called process.exit(0)');
      expect(status).toBe(3);
    },
  );

  it('[S9] errors that a plugin leaves behind are logged, and the server goes on', async () => {
    const server = await startPluginServer({ plugins });
    const client = await plainClient(server.url);
    await callJson(client, 'invoke_hook', call('stray'));
    await server.waitForLog((line) => line.msg.includes('thrown by a timer'));
    await server.waitForLog((line) => line.msg.includes('nobody waits for this'));
    expect((await callJson(client, 'invoke_hook', call('ok')))['result']).toBeDefined();
  });

  it('[S9] a payload that the plugin changed without saying so stays as it was', async () => {
    const server = await startPluginServer({ plugins });
    const reply = await callJson(await plainClient(server.url), 'invoke_hook', call('mutate'));
    expect(reply['result']).toMatchObject({ modified_payload: null });
  });
});

describe('SIGTERM', () => {
  it('[S1] finishes what is in flight, then exits 0', async () => {
    const server = await startPluginServer({ plugins });
    const client = await plainClient(server.url);
    const slow = callJson(client, 'invoke_hook', call('slow', { ms: 700 }));
    await server.waitForLog((line) => line.msg === 'begun: slow');
    const exit = server.stop();
    await server.waitForLog((line) => line.msg.startsWith('stopping'));
    await expect(fetch(server.healthUrl ?? '').then((answer) => answer.status)).resolves.toBe(503);
    expect((await slow)['result']).toMatchObject({ modified_payload: { args: { done: true } } });
    expect(await exit).toBe(0);
  });

  it('[S1] an idle server exits 0 at once', async () => {
    const server = await startPluginServer();
    await plainClient(server.url);
    expect(await server.stop()).toBe(0);
  });

  it('[S1] a second signal does not wait', async () => {
    const server = await startPluginServer({ plugins });
    const slow = callJson(await plainClient(server.url), 'invoke_hook', call('hang')).catch(() => {});
    await server.waitForLog((line) => line.msg === 'begun: hang');
    const exit = once(server.child, 'exit');
    server.child.kill('SIGTERM');
    await server.waitForLog((line) => line.msg.startsWith('stopping'));
    server.child.kill('SIGINT');
    expect(await exit).toEqual([1, null]);
    await slow;
  });
});

describe('bounds', () => {
  it('[S9] a client that never finishes its request is cut off', async () => {
    const server = await startPluginServer({ tls: null });
    const socket = tcpClient({ port: server.port, host: 'localhost' });
    socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Slow:');
    expect(await text(socket)).toContain('408 Request Timeout');
  });

  it('[S9] a client that never finishes its request is cut off behind TLS too', async () => {
    const server = await startPluginServer({ tls: { ...serverTls(), ssl_cert_reqs: 0 } });
    const socket = connect({
      port: server.port,
      host: 'localhost',
      servername: 'localhost',
      rejectUnauthorized: false,
    });
    socket.write('POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Slow:');
    expect(await text(socket)).toContain('408 Request Timeout');
  });

  it('[S9] a client that never starts a handshake is cut off', async () => {
    const server = await startPluginServer();
    const socket = tcpClient({ port: server.port, host: 'localhost' });
    expect(await text(socket)).toBe('');
  });

  it('[S9] headers without end are refused', async () => {
    const server = await startPluginServer({ tls: null });
    const socket = tcpClient({ port: server.port, host: 'localhost' });
    socket.write(`GET /health HTTP/1.1\r\nHost: localhost\r\nX-Large: ${'x'.repeat(40_000)}\r\n\r\n`);
    expect(await text(socket)).toContain('431');
  });
});
