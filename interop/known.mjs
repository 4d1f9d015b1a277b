/**
 * Defects of the peers: where each shows, and its cause in a line. A cell that fails as listed is a peer's; one that
 * no longer fails makes the run fail, so that this list stays true; one that shows `sometimes` may do either.
 */
const knownDefects = [
  {
    peers: /./,
    direction: 'B',
    scenarios: /^invoke_hook in another case$/,
    message: /Unable to find tool_pre_invoke for plugin LETTERCASE/,
    cause:
      'its server finds a plugin in any case for get_plugin_config, but for invoke_hook by the exact name only',
  },
  {
    peers: /./,
    direction: 'B',
    transports: ['mtls'],
    scenarios: /^the server as it was released$/,
    message: /not a valid VerifyMode/,
    cause:
      'its server hands ssl_cert_reqs to uvicorn as text, and does not start with TLS; the other cells make it a number',
  },
  {
    peers: /^(cpex-0\.1\.4|contextforge-1\.0\.7)$/,
    direction: 'A',
    scenarios: /^permissive: an error goes on$/,
    message: /the probe was told to fail/,
    cause:
      'it reads permissive as transform and leaves on_error at fail, so that an error blocks (on_error: ignore helps)',
  },
  {
    peers: /^(cpex-0\.1\.4|contextforge-1\.0\.7)$/,
    direction: 'B',
    scenarios: /^permissive as the server reports it$/,
    message: /the probe was told to fail/,
    cause: 'its server reports a permissive plugin as transform with on_error: fail, so that an error blocks',
  },
  {
    peers: /^contextforge-0\.9\.0$/,
    direction: 'A',
    scenarios: /^enforce_ignore_error: a violation blocks$/,
    message: /the request goes on/,
    cause:
      'its manager blocks in the mode enforce only: under enforce_ignore_error a violation goes on as well',
  },
  {
    peers: /^contextforge-0\.9\.0$/,
    direction: 'A',
    transports: ['stdio'],
    scenarios: /^restart of the other side$/,
    message: /ClosedResourceError|timeout|took longer/,
    cause: 'its client never starts a child again that has ended',
  },
  {
    peers: /./,
    direction: 'A',
    transports: ['stdio'],
    scenarios: /^restart of the other side$/,
    message: /ClosedResourceError|timeout|took longer/,
    cause: 'its client does not always notice that a child has ended, and then does not start it again',
    sometimes: true,
  },
];

/** The entry that explains a failure of this cell, or says that one was to be expected. */
export function knownDefect({ peer, direction, transport }, scenario) {
  return knownDefects.find(
    (one) =>
      one.peers.test(peer.id) &&
      one.direction === direction &&
      (one.transports ?? [transport]).includes(transport) &&
      one.scenarios.test(scenario),
  );
}
