import { payloads } from '../hooks.mjs';
import { NotApplicable, scenarios } from '../scenarios.mjs';
import { gatewayEntries, ourGateway, ourServer, theirGateway, theirServer } from './ends.mjs';
import { within } from './processes.mjs';

/** What came of one scenario in one cell. */
const passed = { kind: 'pass' };
const failed = (error) => ({ kind: 'fail', reason: error.message.replaceAll(/\s+/g, ' ').slice(0, 300) });
const notApplicable = (reason) => ({ kind: 'na', reason });

/** How long opening, a scenario and all scenarios of a cell may take. */
const openMs = 25_000;
const scenarioMs = 40_000;
const cellMs = 120_000;

/**
 * Runs every scenario between a peer and Sallyport: scenario → outcome. `explain` is given whatever goes wrong, with
 * the end of the peer's log.
 */
export async function runCell({ peer, direction, transport, only = '', explain, ...place }) {
  const names = Object.keys(scenarios).filter((name) => name.includes(only));
  const all = (outcome) => Object.fromEntries(names.map((name) => [name, outcome]));
  if (transport === 'uds' && !peer.uds) return all(notApplicable('this version has no Unix sockets'));

  const ours = direction === 'A';
  const startServer = (more = {}) =>
    (ours ? ourServer : theirServer)({ ...place, ...more, transport, hooks: Object.keys(payloads) });
  const openGateway = ({ entries }) => {
    const limited = ours && transport === 'stdio' && !peer.stdioCommand;
    const settings = limited ? scriptsOnly(entries, server.byScript.script) : { entries };
    return (ours ? theirGateway : ourGateway)({ ...place, ...settings });
  };

  let server;
  let gateway;
  try {
    server = await within(openMs, 'starting the server', startServer());
    gateway = await within(openMs, 'opening', openGateway({ entries: gatewayEntries(server.mcp) }));
  } catch (error) {
    explain(error, error.tail ?? server?.tail?.());
    await server?.stop();
    return all(failed(new Error(`did not open: ${error.message}`)));
  }
  const cell = { peer, direction, transport, server, gateway, startServer, openGateway, ...place };
  const outcomes = {};
  const end = Date.now() + cellMs;
  for (const name of names) {
    try {
      if (Date.now() > end) throw new Error(`not reached: the ones before took more than ${cellMs / 1000} s`);
      await within(scenarioMs, name, scenarios[name](cell));
      outcomes[name] = passed;
    } catch (error) {
      const applies = !(error instanceof NotApplicable);
      outcomes[name] = applies ? failed(error) : notApplicable(error.message);
      if (applies) explain(error, ours ? gateway.tail() : server.tail?.());
    }
  }
  await within(10_000, 'closing', gateway.close()).catch(() => {});
  await server.stop();
  return outcomes;
}

/** The entries for a client that starts Python scripts only, and hands them its own environment. */
function scriptsOnly(entries, script) {
  const [{ mcp }] = entries;
  return { env: mcp.env, entries: entries.map((entry) => ({ ...entry, mcp: { proto: 'STDIO', script } })) };
}
