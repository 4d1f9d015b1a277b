import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { metricTable } from '../../src/telemetry/metric-table.js';
import { temporaryFolder } from '../support/folder.js';
import { everything, legacyClient, plugin, startGateway } from '../support/gateway-run.js';
import { judgedBy } from '../support/judges.js';
import { patience } from '../support/patience.js';
import { clientTls, startPluginServer } from '../support/plugin-server.js';
import { tcpServer } from '../support/tcp.js';

const folder = join(import.meta.dirname, '../../deploy/monitoring');
const read = (file: string) => readFileSync(join(folder, file), 'utf8');

interface Target {
  readonly expr: string;
}
interface Rules {
  readonly groups: { readonly rules: { readonly alert: string; readonly expr: string }[] }[];
}
const rules = (parse(read('rules.yaml')) as Rules).groups.flatMap((group) => group.rules);
const dashboards = ['gateway.json', 'certificates.json'];
const queries = dashboards.flatMap((file) => {
  const { panels } = JSON.parse(read(file)) as { panels: { title: string; targets?: Target[] }[] };
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ name: `${file} ${title}`, expr })),
  );
});

describe('dashboards and rules', () => {
  it('ask for metrics that there are, and leave none out that only they can show', () => {
    const known = Object.values(metricTable).map(({ name }): string => name);
    const asked = new Set(
      [...queries, ...rules]
        .flatMap(({ expr }) => expr.match(/\b(sallyport|mcp)_[a-z_]+/g) ?? [])
        .filter((name) => !name.startsWith('mcp_method_name'))
        .map((name) => name.replace(/_(bucket|sum|count)$/, '')),
    );
    expect([...asked].filter((name) => !known.includes(name))).toEqual([]);
    // That a plugin went away shows in the gauge beside it; most gateways ask nobody for tokens or approval, and have no
    // virtual servers, rules, lock or audit log.
    expect(known.filter((name) => !asked.has(name))).toEqual([
      'sallyport_virtual_server_requests_total',
      'sallyport_approval_seconds',
      'sallyport_access_decisions_total',
      'sallyport_oauth_token_requests_total',
      'sallyport_tools_lock_changes_total',
      'sallyport_plugin_outages_total',
      'sallyport_audit_lines_total',
    ]);
  });

  judgedBy('promtool')('every rule fires on data that is bad, and on no other: promtool', () => {
    const { tests } = parse(read('rules.test.yaml')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const fired = tests.flatMap((one) =>
      one.alert_rule_test.filter(({ exp_alerts }) => exp_alerts.length > 0),
    );
    expect([...new Set(fired.map(({ alertname }) => alertname))].sort()).toEqual(
      rules.map(({ alert }) => alert).sort(),
    );
    const told = (...args: string[]) => execFileSync('promtool', args, { cwd: folder, encoding: 'utf8' });
    expect(told('test', 'rules', 'rules.test.yaml')).toContain('SUCCESS');
    expect(told('check', 'config', 'prometheus.yaml')).toContain('15 rules found');
  });
});

async function freePort(): Promise<number> {
  const server = tcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

judgedBy('prometheus')(
  'a Prometheus that scrapes both programs has samples for every query of the dashboards',
  { timeout: patience(120_000) },
  async () => {
    const server = await startPluginServer({ plugins: [plugin('rewriter.mjs', { name: 'Guard' })] });
    const mcp = { proto: 'STREAMABLEHTTP', url: server.url, tls: clientTls() };
    const gateway = await startGateway({
      plugins: [{ name: 'Guard', kind: 'external', mcp }],
      gateway: { upstreams: { one: everything, gone: { command: '/not/there' } } },
    });
    const client = await legacyClient(gateway.url);
    await client.listTools();

    const own = await temporaryFolder();
    await copyFile(join(folder, 'rules.yaml'), join(own, 'rules.yaml'));
    const { healthPort = 0 } = server as { healthPort?: number };
    const health = new URL(server.healthUrl ?? `http://localhost:${healthPort}`).port;
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yaml'],
      scrape_configs: [
        { job_name: 'gateway', static_configs: [{ targets: [`127.0.0.1:${gateway.port}`] }] },
        { job_name: 'plugins', static_configs: [{ targets: [`127.0.0.1:${health}`] }] },
      ],
    };
    await writeFile(join(own, 'prometheus.yaml'), stringify(config));
    const address = `127.0.0.1:${await freePort()}`;
    const args = [
      `--config.file=${join(own, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(own, 'data')}`,
      `--web.listen-address=${address}`,
    ];
    const prometheus = spawn('prometheus', args, { stdio: 'ignore' });
    onTestFinished(async () => {
      prometheus.kill();
      if (prometheus.exitCode === null) await once(prometheus, 'exit');
    });

    const ask = async (path: string, fields: Record<string, string> = {}) => {
      const { body } = await request(`http://${address}/api/v1/${path}?${new URLSearchParams(fields)}`);
      return (await body.json()) as { data: { result: unknown[]; activeTargets: { health: string }[] } };
    };
    const traffic = async () => {
      for (const message of ['hi', 'block'])
        await client.callTool({ name: 'one__echo', arguments: { message } }).catch(() => {});
      await client.callTool({ name: 'gone__tool', arguments: {} }).catch(() => {});
      await request(gateway.url, { method: 'PUT' }).then(({ body }) => body.dump());
      // A certificate is asked for and none is shown: a handshake that fails.
      await request(server.url).catch(() => {});
    };
    const up = async () => {
      await traffic();
      const { data } = await ask('targets');
      return data.activeTargets.map(({ health: state }) => state);
    };
    await expect.poll(up, { timeout: patience(30_000), interval: 500 }).toEqual(['up', 'up']);

    const filled = (expr: string) =>
      expr.replaceAll('$__rate_interval', '20s').replaceAll('$job', '.*').replaceAll('$instance', '.*');
    const empty = async () => {
      await traffic();
      const none: string[] = [];
      for (const { name, expr } of queries) {
        const { data } = await ask('query', { query: filled(expr) });
        if (data.result.length === 0) none.push(name);
      }
      return none;
    };
    await expect.poll(empty, { timeout: patience(60_000), interval: 1_000 }).toEqual([]);
  },
);
