/** Scenarios of the suite that judge something else than a gateway. */
export const notOurs = [
  {
    scenarios: /^auth\/(dpop|dpop-nonce|enterprise-managed-authorization|wif-jwt-bearer)$/,
    reason:
      'judges an extension that the gateway does not have (DPoP, enterprise-managed authorization, workload identity)',
  },
  {
    scenarios: /^(tasks|sep-2640)-/,
    reason: 'judges an extension (tasks, skills) that the SDK of the fixture does not have',
  },
];

/**
 * Checks that are expected to fail, each with its reason. Where one holds again the run fails, so that this list stays
 * true. A run is `direct`, or by way of the gateway to an upstream of an era: `to legacy`, `to modern`.
 */
const expectedFailures = [
  {
    leg: 'authorization',
    revision: '2026-07-28',
    ways: ['gateway'],
    scenarios: /^auth\/authorization-server-migration$/,
    check: /^sep-2352-reregister-on-as-change /,
    reason:
      'the authorization server that an upstream named first is kept to until the gateway is started again: one that names another has most likely changed hands',
  },
  {
    leg: 'server',
    revision: '2025-11-25',
    ways: ['to legacy', 'to modern'],
    scenarios: /^server-sse-multiple-streams$/,
    check: /^server-sse-streams-functional .*was not checked/,
    reason:
      'the gateway answers with one JSON document where nothing comes before the answer, so that there is no stream to look at',
  },
  {
    leg: 'server',
    revision: '2025-11-25',
    ways: ['to legacy', 'to modern'],
    scenarios: /^server-sse-polling$/,
    check: /^server-sse-(priming-event|retry-field|disconnect-resume) .*was not checked/,
    reason:
      'the stream that the fixture ends is the one to the gateway, which takes it up again itself (see sse-retry); its own answer is one JSON document',
  },
  {
    leg: 'server',
    revision: '2026-07-28',
    ways: ['to legacy'],
    scenarios: /^server-stateless$/,
    check: /^sep-2575-(server-rejects-undeclared-capability|missing-capability-http-400) /,
    reason:
      'a server with sessions has no error for what a client cannot do: it sees that itself, and its tool says so in a result',
  },
  {
    leg: 'server',
    revision: '2026-07-28',
    ways: ['to legacy'],
    scenarios: /^input-required-result-basic-elicitation$/,
    check: /^sep-2322-elicitation-(incomplete|complete) .*(missing expected key|was not checked)/,
    reason: 'the questions of a server with sessions have no names: the gateway gives them its own',
  },
  {
    leg: 'server',
    revision: '2026-07-28',
    ways: ['to legacy'],
    scenarios: /^input-required-result-ignore-extra-params$/,
    check: /^sep-2322-ignore-unexpected-params /,
    reason:
      'the scenario answers before it was asked, by the name that it expects: a server with sessions has to ask first',
  },
];

/** The entry that explains a failed check. */
export function expectedFailure(run, scenario, { check, message }) {
  return expectedFailures.find(
    (one) => matches(one, run, scenario) && one.check.test(`${check}: ${message}`),
  );
}

/** The entries that speak of this scenario in this run. */
export function expectedIn(run, scenario) {
  return expectedFailures.filter((one) => matches(one, run, scenario));
}

function matches(one, { leg, revision, way }, scenario) {
  return (
    (one.leg ?? leg) === leg &&
    (one.revision ?? revision) === revision &&
    one.ways.includes(way) &&
    one.scenarios.test(scenario)
  );
}
