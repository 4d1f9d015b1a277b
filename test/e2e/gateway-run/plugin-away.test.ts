import { request } from 'undici';
import { expect, it, onTestFinished } from 'vitest';
import { sallyport } from '../../support/command.js';
import { everything, firstText, modernClient, plugin, startGateway } from '../../support/gateway-run.js';
import { patience } from '../../support/patience.js';
import { clientTls, startPluginServer, writeConfig } from '../../support/plugin-server.js';

it('[G7,O2] a plugin whose server is stopped is away in /ready, the metrics, the log and the doctor, and back when it goes on', {
  timeout: patience(120_000),
}, async () => {
  const server = await startPluginServer({ plugins: [plugin('rewriter.mjs', { name: 'Rewriter' })] });
  const pid = Number(server.child.pid);
  onTestFinished(() => void server.child.kill('SIGCONT'));
  const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
  const entry = { name: 'Rewriter', kind: 'external', mode: 'enforce_ignore_error', mcp };
  const strict = { plugins: [{ ...entry, mode: 'enforce' }] };
  const { url, log, waitForLog } = await startGateway({
    plugins: [entry],
    // Long enough for a healthy call on a busy machine.
    plugin_settings: { plugin_timeout: 3, plugin_away_after: 1, plugin_probe_interval: 1 },
    gateway: { upstreams: { one: everything } },
  });
  const page = async (path: string) => (await request(url.replace('/mcp', path))).body.text();
  const ready = async () => JSON.parse(await page('/ready')) as object;
  const metric = async (name: string) =>
    new RegExp(`^${name}\\{plugin="Rewriter"\\} (\\d+)$`, 'm').exec(await page('/metrics'))?.[1];
  const client = await modernClient(url);
  const echo = async () => firstText(await client.callTool({ name: 'echo', arguments: { message: 'hi' } }));
  expect(await echo()).toBe('Echo: hi <pre post>');
  expect([await metric('sallyport_plugin_away'), await metric('sallyport_plugin_outages_total')]).toEqual([
    '0',
    '0',
  ]);

  process.kill(pid, 'SIGSTOP');
  // The hook before the tool pays a timeout and the one after it waits for the probe at most; those that follow pay nothing.
  for (let i = 0; i < 20; i += 1) expect(await echo()).toBe('Echo: hi');
  expect(log.filter(({ code }) => code === 'SALLY_PLUGIN_TIMEOUT')).toHaveLength(1);
  const gone = log.filter(({ code }) => code === 'SALLY_PLUGIN_AWAY');
  expect(gone).toEqual([expect.objectContaining({ plugins: ['Rewriter'], remedy: expect.any(String) })]);
  expect(await ready()).toMatchObject({ status: 'ready', plugins: { Rewriter: 'away' } });
  expect([await metric('sallyport_plugin_away'), await metric('sallyport_plugin_outages_total')]).toEqual([
    '1',
    '1',
  ]);
  const doctor = await sallyport(['doctor', await writeConfig(strict), '--timeout', '1', '--json']);
  const { checks } = JSON.parse(doctor.stdout) as { checks: Record<string, unknown>[] };
  expect(checks.find(({ id }) => id === 'plugin-away')).toMatchObject({
    status: 'warn',
    code: 'SALLY_PLUGIN_AWAY',
    cause: expect.stringContaining("plugin 'Rewriter' is away"),
  });

  process.kill(pid, 'SIGCONT');
  await waitForLog(({ msg }) => msg.includes('answers again'));
  expect(await echo()).toBe('Echo: hi <pre post>');
  expect(await metric('sallyport_plugin_away')).toBe('0');
  expect(await ready()).toMatchObject({ plugins: { Rewriter: 'ready' } });
});

it('[G6,G7] a strict plugin that is away keeps the gateway from being ready, and its clients are told so at once', {
  timeout: patience(120_000),
}, async () => {
  const server = await startPluginServer({ plugins: [plugin('rewriter.mjs', { name: 'Rewriter' })] });
  onTestFinished(() => void server.child.kill('SIGCONT'));
  const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
  const { url } = await startGateway({
    plugins: [{ name: 'Rewriter', kind: 'external', mcp }],
    plugin_settings: { plugin_timeout: 3, plugin_away_after: 1, plugin_probe_interval: 1 },
    gateway: { upstreams: { one: everything } },
  });
  const client = await modernClient(url);
  const echo = () => client.callTool({ name: 'echo', arguments: { message: 'hi' } });
  await echo();
  process.kill(Number(server.child.pid), 'SIGSTOP');
  const codeOf = async () =>
    echo().then(
      () => 'passed',
      (error: { data?: { plugin_error_code?: string; plugin_name?: string } }) =>
        [error.data?.plugin_error_code, error.data?.plugin_name].join(),
    );
  expect(await codeOf()).toBe('SALLY_PLUGIN_TIMEOUT,Rewriter');
  for (let i = 0; i < 20; i += 1) expect(await codeOf()).toBe('SALLY_PLUGIN_AWAY,Rewriter');
  const ready = await request(url.replace('/mcp', '/ready'));
  expect([ready.statusCode, await ready.body.json()]).toMatchObject([503, { plugins: { Rewriter: 'away' } }]);
});
