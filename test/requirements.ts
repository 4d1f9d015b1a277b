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
  proven('C2', 'MCP_PLUGIN_CONFIG names the config, MCP_CERT_DAYS the validity (default 825)'),
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
  proven('O1', 'the six security-validation commands pass as they stand'),
  proven('O2', 'doctor finds and explains every entry of the troubleshooting'),
  proven('O3', 'rotation without a restart, of certificates and CA'),
  proven('O4', 'Kubernetes with cert-manager: issued, mounted, rotated'),
];
