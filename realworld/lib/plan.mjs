/**
 * What is asked of a server: `[key, ask]`, in this order. It is made from what the server lists when it is spoken to
 * directly, so that both ways are asked the same. What is `ofNobody` says by nothing which of several servers is meant.
 */
export function planFor(server, place, lists) {
  const { tools = [], prompts = [], resources = [], capabilities } = lists;
  const step = (method, params, how = {}) => ({ key: keyOf(method, params), method, params, ...how });
  const call = (name, args, how) => step('tools/call', { name, arguments: args }, how);
  const needy = tools.find(({ inputSchema }) => (inputSchema?.required ?? []).length > 0);
  const steps = [
    step('ping', {}, { legacyOnly: true, ofNobody: true }),
    step('tools/list', {}),
    step('prompts/list', {}),
    step('resources/list', {}),
    step('resources/templates/list', {}),
    step('tools/list', { cursor: 'no-such-page' }, { ofNobody: true }),
    ...(capabilities.logging ? [step('logging/setLevel', { level: 'debug' }, { legacyOnly: true })] : []),
    ...(server.calls?.(place) ?? []).map(([name, args, how]) => call(name, args, how)),
    call('no-such-tool', {}),
    step('tools/call', {}, { ofNobody: true }),
    ...(needy ? [call(needy.name, {}), call(needy.name, wrong(needy.inputSchema))] : []),
    ...prompts
      .filter((prompt) => !(prompt.arguments ?? []).some(({ required }) => required))
      .slice(0, 3)
      .map(({ name }) => step('prompts/get', { name })),
    ...(server.prompts?.(place) ?? []).map(([name, args]) => step('prompts/get', { name, arguments: args })),
    ...prompts
      .filter((prompt) => prompt.arguments?.[0]?.required)
      .slice(0, 1)
      .map(({ name }) => step('prompts/get', { name })),
    step('prompts/get', { name: 'no-such-prompt' }),
    ...resources.slice(0, 4).map(({ uri }) => step('resources/read', { uri })),
    ...(server.reads?.(place) ?? []).map((uri) => step('resources/read', { uri })),
    step('resources/read', { uri: 'nowhere://at/all' }, { ofNobody: true }),
    ...(server.completions?.(place) ?? []).map((params) => step('completion/complete', params)),
    ...(capabilities.completions
      ? [
          step('completion/complete', {
            ref: { type: 'ref/prompt', name: 'no-such-prompt' },
            argument: { name: 'a', value: '' },
          }),
        ]
      : []),
    ...(server.subscribe
      ? [
          step('resources/subscribe', { uri: server.subscribe.uri }, { legacyOnly: true }),
          call(...server.subscribe.call, { until: 'notifications/resources/updated', legacyOnly: true }),
          step('resources/unsubscribe', { uri: server.subscribe.uri }, { legacyOnly: true }),
        ]
      : []),
    ...(server.cancel
      ? [call(...server.cancel, { cancel: true, key: `cancel ${server.cancel[0]}`, legacyOnly: true })]
      : []),
    step('no/such/method', {}, { ofNobody: true }),
    { ...step('tools/list', {}), key: 'tools/list at the end' },
  ];
  return distinct(steps);
}

/** The same question twice is told apart by its number. */
function distinct(steps) {
  const seen = new Map();
  return steps.map((one) => {
    const count = (seen.get(one.key) ?? 0) + 1;
    seen.set(one.key, count);
    return count === 1 ? one : { ...one, key: `${one.key} #${count}` };
  });
}

function keyOf(method, params) {
  const what = params.name ?? params.uri ?? params.ref?.name ?? params.ref?.uri ?? params.cursor;
  return what === undefined ? method : `${method} ${what}`;
}

/** Arguments that no schema takes: a list where a text or number is wanted, a text in place of anything else. */
function wrong({ required, properties = {} }) {
  const bad = (schema) => (['string', 'number', 'integer'].includes(schema?.type) ? [] : 'text');
  return Object.fromEntries(required.map((name) => [name, bad(properties[name])]));
}
