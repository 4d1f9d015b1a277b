import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/gateway/client.js';
import { createLogger, type LogFormat, logFormats } from '../../src/log.js';
import { Call } from '../../src/mcp/endpoint-call.js';
import type { Admitted } from '../../src/mcp/router.js';
import { createAccessLog } from '../../src/telemetry/index.js';
import { fixtureRouter } from '../support/fixture-router.js';

class Asked extends Call {
  notify(): void {}
  ask(): Promise<never> {
    return new Promise(() => {});
  }
  finish(): void {}
}

function clientNamed(name: string): Client {
  return {
    key: 'k',
    era: 'legacy',
    revision: '2025-11-25',
    capabilities: {},
    info: { name, version: '1' },
    identity: { user: 'ada', tenant: null, method: 'bearer' },
    notify() {},
    ask: () => new Promise<never>(() => {}),
  };
}

/** What the log has of a request whose method, target and client are called `text`. */
function served(text: string, format: LogFormat = 'json'): string {
  let out = '';
  const stream = {
    write: (line: string) => {
      out += line;
    },
  };
  const access = createAccessLog(createLogger({ level: 'info', format, stream }));
  const client = clientNamed(text);
  const admitted: Admitted = {
    kind: 'admitted',
    identity: client.identity,
    headers: {},
    requestId: () => 'r-1',
    context: () => {
      throw new TypeError('nobody asks a plugin here');
    },
  };
  const observed = access.request?.({ headers: {} });
  const deps = { router: fixtureRouter(), serverInfo: {} };
  const call = new Asked(client, { id: 1, method: text, params: {} }, { admitted, observed }, deps);
  observed?.serves?.(call);
  observed?.routed?.('fixture', text);
  observed?.end({ kind: 'served', response: { result: {} } });
  access.request?.({ headers: {} })?.end({ kind: 'other', method: text, status: 404 });
  return out;
}

const lines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, string>);

describe('[M26] the access log', () => {
  it('has names of a usual length as they are', () => {
    const name = 'a'.repeat(90);
    expect(lines(served(name))).toMatchObject([
      { method: name, target: name, client: `${name}/1` },
      { method: name },
    ]);
  });

  it('says of a name that is longer than any real one only how it begins', () => {
    const [first, second] = lines(served('tools/call '.repeat(100_000)));
    const cut = `${'tools/call '.repeat(20).slice(0, 199)}…`;
    expect(first).toMatchObject({ method: cut, target: cut });
    expect(first?.['client']).toMatch(/^(tools\/call )+.*…$/);
    expect(first?.['client']).toHaveLength(100);
    expect(second).toMatchObject({ method: cut });
  });

  it.each(logFormats)('has one line for a request, whatever it is called: %s', (format) => {
    const text = served('a\n12:00:00.000 ERROR forged\r\u001b[2J\u0085', format);
    expect(text.split('\n')).toHaveLength(3);
    for (const control of ['\r', '\u001b']) expect(text).not.toContain(control);
  });
});
