/** Scenarios of the suite that judge something else than a gateway. */
export const notOurs = [
  {
    scenarios: /^auth\//,
    reason: 'judges an OAuth client; towards its upstreams the gateway has what its configuration gives it',
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
const expectedFailures = [];

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
