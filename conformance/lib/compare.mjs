/** From best to worst. What is only told (INFO) or was not come to (SKIPPED, absent) proves nothing. */
const ranks = ['SUCCESS', 'NONE', 'WARNING', 'FAILURE'];
const rankOf = (status) => Math.max(ranks.indexOf(status), status === 'SUCCESS' ? 0 : 1);

/** One verdict for each check: the worst one where it was made several times. */
function verdicts(checks) {
  const worst = new Map();
  for (const { id, name, status, errorMessage, details } of checks) {
    const key = id === name ? id : `${id} (${name})`;
    const seen = worst.get(key);
    if (seen && rankOf(seen.status) >= rankOf(status)) continue;
    worst.set(key, { status, message: errorMessage ?? details?.message });
  }
  return worst;
}

/** What a run of a scenario shows by itself: how many of its checks hold, and which do not. */
export function judgeAlone(checks) {
  const failures = [];
  let passed = 0;
  for (const [check, { status, message }] of verdicts(checks)) {
    if (status === 'SUCCESS') passed += 1;
    if (status === 'FAILURE' || status === 'WARNING') failures.push({ check, status, message });
  }
  return { passed, failures };
}

/** What of `direct` does not hold in `through`: checks that are worse, are not made any more, or fail anew. */
export function judgeBeside(direct, through) {
  const before = verdicts(direct);
  const after = verdicts(through);
  const failures = [];
  for (const check of new Set([...before.keys(), ...after.keys()])) {
    const { status: was = 'NONE' } = before.get(check) ?? {};
    const { status: is = 'NONE', message } = after.get(check) ?? {};
    if (rankOf(is) <= rankOf(was)) continue;
    const reason = is === 'NONE' || is === 'INFO' ? 'was not checked any more' : message;
    failures.push({ check, status: is, message: reason ?? 'no reason given' });
  }
  return { passed: judgeAlone(through).passed, failures };
}
