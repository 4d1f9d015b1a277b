/** What a row compares, and the ratio that it is to reach. */
export const meanings = {
  'hook.mtls.seq': {
    what: 'hook calls of 1 KB, one after another; floor: node:https and undici',
    goal: 0.85,
  },
  'hook.mtls.c32': { what: 'hook calls of 1 KB, 32 at once; floor: node:https and undici', goal: 0.85 },
  'hook.numbers': {
    what: 'hook calls of 1 KB with ten numbers as Python writes them (1.0, 1e-05); floor: with ten that JavaScript writes alike',
    goal: 0.8,
  },
  'gateway.numbers': {
    what: 'tool calls, no plugin, with ten such numbers in arguments and result; floor: with ten that JavaScript writes alike',
    goal: 0.9,
  },
  'hook.mtls.100kb': { what: 'hook calls of 100 KB, four at once; floor: the same in plain Node', goal: 0.8 },
  'hook.mtls.900kb': { what: 'hook calls of 900 KB, four at once; floor: the same in plain Node', goal: 0.8 },
  'chain.10': { what: 'ten plugins of one server; floor: one of them alone', goal: 0.77 },
  'plugins.1000': { what: '1,000 plugins of which one applies; floor: that one alone', goal: 0.95 },
  'gateway.tool': { what: 'tool calls, no plugin, one after another; floor: a byte proxy', goal: 0.7 },
  'gateway.tool.c32': { what: 'tool calls, no plugin, 32 at once; floor: a byte proxy', goal: 0.7 },
  'gateway.tool+hook': {
    what: 'tool calls with one enforced plugin over mutual TLS, one after another; floor: a proxy that makes one plain hook call before each',
  },
  'gateway.hook': {
    what: 'what the plugin adds to a tool call, as calls per second; floor: what the plain hook call adds to the proxy',
    goal: 0.87,
  },
  'gateway.tool+hook.c32': { what: 'tool calls with the plugin, 32 at once' },
  'gateway.hook.c32': { what: 'what the plugin adds, 32 at once', goal: 0.87 },
  'gateway.clients.1000': { what: '1,000 open sessions that call in turn; floor: one', goal: 0.95 },
  'gateway.metrics': {
    what: 'tool calls, no plugin, four at once; floor: a gateway that counts nothing. addsUs, the CPU time of the metrics, is to be 15 µs at most',
  },
  'gateway.traces.1': { what: 'the same with 1 % of the calls in traces; floor: without' },
  'gateway.traces.100': { what: 'the same with all calls in traces; floor: without' },
  'gateway.audit': { what: 'the same with an audit log; floor: without' },
  'gateway.audit.chain': { what: 'the same with an audit log that is chained; floor: without' },
  'memory.1000': {
    what: 'a gateway with 1,000 sessions, 50 upstreams and 5,000 tools: memoryMb in the JSON, after each step',
  },
  'workers.2': {
    what: 'hook calls that take eight milliseconds of CPU time, from two processes, two workers; floor: one worker',
    goal: 1.7,
  },
  'workers.2.apart': { what: 'the same; floor: two servers with one worker each', goal: 0.85 },
  'handshake.rsa4096': { what: 'full handshakes of mutual TLS; floor: a bare node:tls server' },
  'handshake.p256': { what: 'full handshakes of mutual TLS; floor: a bare node:tls server' },
  'peer.sdk.seq': { what: 'the MCP SDK as it comes; floor: as for hook.mtls.seq' },
  'peer.sdk.c32': { what: 'the MCP SDK as it comes; floor: as for hook.mtls.c32' },
  'peer.cpex.seq': { what: 'cpex, its plugin manager and its plugin server; floor: as for hook.mtls.seq' },
  'peer.cpex.c32': { what: 'cpex, its plugin manager and its plugin server; floor: as for hook.mtls.c32' },
  'start.help': { what: 'ms until --help has answered, at most 150; floor: a Node that does nothing' },
  'start.serve': {
    what: 'ms until serve listens, at most 400, idle below 100 MB; floor: a Node that does nothing',
  },
  'start.gateway': {
    what: 'ms until gateway listens, at most 700, idle below 100 MB; floor: a Node that does nothing',
  },
};
