/** What the product has to do. A test names the ids that it proves in its title: `[C4]`, `[S3,S7]`. */
export interface Requirement {
  readonly id: string;
  readonly text: string;
  /** `proven`: a test must name it. `open`: nobody has built it yet. */
  readonly status: 'proven' | 'open';
}

const proven = (id: string, text: string): Requirement => ({ id, text, status: 'proven' });

export const requirements: readonly Requirement[] = [
  proven(
    'C1',
    'certs-mcp-all makes CA, gateway certificate, and one for every external plugin of the config',
  ),
  proven(
    'C2',
    'MCP_PLUGIN_CONFIG names the config, MCP_CERT_DAYS the validity to the second (default 825); a CA that is made on the way has 825 days at least',
  ),
  proven('C3', 'without a config example-plugin-a and -b are made; a config that cannot be read is an error'),
  proven('C4', 'the CA: RSA 4096, SHA-256, keys 600 and certificates 644 from the start, never overwritten'),
  proven('C5', 'the gateway: client.key, client.crt, ca.crt, and client.pem for curl'),
  proven('C6', 'a plugin: names as SANs and CN, PLUGIN_NAME required, further SANs by MCP_CERT_SANS'),
  proven('C7', 'certs-mcp-check: expiry, remaining days and verdict of each; the exit status says the worst'),
  proven('C8', 'all ca.crt identical; openssl verifies each certificate for its own purpose and no other'),
  proven('C9', 'bad names, days, CAs, a full disk, two runs at once: a clear error and nothing half-written'),
  proven('S1', 'the plugin server starts from PLUGINS_CONFIG_PATH and serves MCP at /mcp'),
  proven('S2', 'host, port and tls in YAML and in PLUGINS_SERVER_*; variables win field by field'),
  proven('S3', 'ssl_cert_reqs 0, 1 and 2'),
  proven('S4', 'encrypted keys, with a password from YAML or a variable'),
  proven('S5', 'with TLS a plain health server on port + 1000, and /health on the main port'),
  proven('S6', 'TLS 1.2 or newer, AEAD suites only'),
  proven('S7', 'fails before it listens on TLS settings that are not whole; never falls back to HTTP'),
  proven('S8', 'DEBUG logs peer, protocol, cipher and the reason of every failed handshake; never a secret'),
  proven('S9', 'the wire contract, both ways'),
  proven('G1', 'kind: external with proto, url and tls; PLUGINS_CLIENT_MTLS_* win field by field'),
  proven('G2', 'verify and check_hostname, on and off; off is a warning that names the plugin'),
  proven('G3', 'localhost passes check_hostname, 127.0.0.1 fails with the words of the guide'),
  proven('G4', 'only the configured CA is trusted, never the roots of the system'),
  proven('G5', 'each way to fail has an error of its own that says what to do'),
  proven('G6', 'modes, priorities, conditions, timeouts and contexts of the contract'),
  proven('G7', 'a plugin server that goes away: what the mode says, and it comes back by itself'),
  proven(
    'M1',
    'a client of 2025-06-18 or later gets from the gateway what it would get from the servers themselves',
  ),
  proven(
    'M2',
    'one endpoint for both eras: with sessions up to 2025-11-25, without them from 2026-07-28 on; what is neither is refused',
  ),
  proven('M3', 'headers and envelope of a request have to agree, and both are made anew for each connection'),
  proven(
    'M4',
    'upstreams of either era, over HTTP and stdio; a refusal, a failure or a timeout is no sign of the era',
  ),
  proven(
    'M5',
    'between the eras results, errors and cache hints are translated; everything else passes byte for byte',
  ),
  proven(
    'M6',
    'what an upstream asks in the middle of a call is asked of the client whose call it is, and of no other',
  ),
  proven('M7', 'several upstreams are one list: prefixes where needed, no name of two, include and exclude'),
  proven(
    'M8',
    'the hooks of tools, prompts and resources see the upstream’s own names; they change, block, and redirect',
  ),
  proven('M9', 'a result that a post-hook may hold back reaches the client on no other way'),
  proven(
    'M10',
    'a call is made once: one that was lost is told as lost, and only what changes nothing goes out again',
  ),
  proven('M11', 'a reply counts for the call whose id it has, and for no other'),
  proven('M12', 'cancelling, deadlines and progress go through, each connection with tokens of its own'),
  proven(
    'M13',
    'who may call: nobody but this machine, or by token, JWT or certificate; credentials go no further',
  ),
  proven('M14', 'a session is its principal’s alone, downstream and upstream'),
  proven('M15', 'what a credential has opened ends with it'),
  proven(
    'M16',
    'Host and Origin are looked at on every page but /health; malformed heads and bodies are refused',
  ),
  proven('M17', 'plugins around authentication: headers before and after, who it is, what it may do'),
  proven('M18', 'clients are told which part failed, by name, code and id; the log has the rest'),
  proven(
    'M19',
    'an upstream that goes away is named to its callers, leaves the lists and comes back; the others go on',
  ),
  proven('M20', 'SIGHUP takes all of the new file or nothing of it, and drops no session'),
  proven('M21', 'SIGTERM finishes what is in flight, refuses what comes, and leaves no process behind'),
  proven('M22', 'several workers serve one port as one gateway does'),
  proven('M23', 'sessions, calls, queues, sizes and depths are bounded, for one user and altogether'),
  proven(
    'M24',
    'streams begin with an event to come back with, are kept alive, and are cut off where nobody reads',
  ),
  proven('M25', 'nothing of a client that has gone is kept: sessions, children, sockets, memory'),
  proven('M26', '/health, /ready and the access log tell what is so'),
  proven(
    'M27',
    'over stdio a gateway serves the one that launched it, and writes nothing else to standard output',
  ),
  proven('M28', 'numbers, ids and unknown fields pass as they were written'),
  proven('M29', 'the mcpServers lists of desktop clients and editors are read as they are'),
  proven('O1', 'the six security-validation commands pass as they stand'),
  proven('O2', 'doctor finds and explains every entry of the troubleshooting'),
  proven('O3', 'rotation without a restart, of certificates and CA'),
  proven('O4', 'Kubernetes with cert-manager: issued, mounted, rotated'),
];
