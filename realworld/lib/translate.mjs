/** What a revision adds to every result by itself, or a hop of its own says: it is no part of what the server said. */
export const hopKeys = ['resultType', 'ttlMs', 'cacheScope'];
export const hopMeta = 'io.modelcontextprotocol/serverInfo';
/** How a difference begins that is none to a direct look in 2026-07-28. */
export const asInModern = 'as in 2026-07-28';

/** What a look shows, without what belongs to the era or to the hop. */
export function acrossEras({ seen }) {
  const entries = Object.entries(seen).map(([key, one]) => [key, { ...one, text: withoutHop(one.text) }]);
  return { seen: Object.fromEntries(entries) };
}

function withoutHop(text) {
  const [kind, json] = [text.slice(0, text.indexOf(' ')), text.slice(text.indexOf(' ') + 1)];
  if (kind !== 'result' || !json.startsWith('{')) return text;
  const result = JSON.parse(json);
  for (const key of hopKeys) delete result[key];
  if (result._meta) {
    delete result._meta[hopMeta];
    if (Object.keys(result._meta).length === 0) delete result._meta;
  }
  return `result ${JSON.stringify(result)}`;
}

const named = new Set(['tools/call', 'prompts/get']);

/** The plan with the names that a server's tools and prompts have beside others: `<upstream>__<name>`. */
export function prefixedPlan(steps, id) {
  const prefixed = (name) => (name === undefined ? undefined : `${id}__${name}`);
  return steps.map((step) => {
    const { method, params } = step;
    if (named.has(method) && params.name)
      return { ...step, params: { ...params, name: prefixed(params.name) } };
    if (params.ref?.name)
      return { ...step, params: { ...params, ref: { ...params.ref, name: prefixed(params.ref.name) } } };
    return step;
  });
}

const listKey = /^(tools|prompts|resources|resources\/templates)\/list/;

/** Lists written as `unprefixed` writes them. */
export function byValue(seen) {
  const entries = Object.entries(seen).map(([key, one]) => {
    if (!listKey.test(key) || !one.text.startsWith('result ')) return [key, one];
    return [key, { ...one, text: `result ${JSON.stringify(JSON.parse(one.text.slice('result '.length)))}` }];
  });
  return Object.fromEntries(entries);
}

/** The lists of all servers, with what is one server's only, under its own names; anything else as it came. */
export function unprefixed(seen, id, direct) {
  const entries = Object.entries(seen).map(([key, one]) => {
    const [, list] = listKey.exec(key) ?? [];
    if (!list || !one.text.startsWith('result ')) return [key, one];
    // Where a server has no such list, what is there is that of others.
    if (!direct[key]?.text.startsWith('result ')) return [key, direct[key] ?? one];
    const member = list === 'resources/templates' ? 'resourceTemplates' : list;
    const result = JSON.parse(one.text.slice('result '.length));
    const own = JSON.parse(direct[key].text.slice('result '.length));
    const start = `${id}__`;
    const entriesOf = {
      tools: (all) =>
        all
          .filter(({ name }) => name.startsWith(start))
          .map((entry) => ({ ...entry, name: entry.name.slice(start.length) })),
      resources: (all) => all.filter(({ uri }) => own.resources?.some((mine) => mine.uri === uri)),
      resourceTemplates: (all) =>
        all.filter(({ uriTemplate }) =>
          own.resourceTemplates?.some((mine) => mine.uriTemplate === uriTemplate),
        ),
    };
    const keep = entriesOf[member] ?? entriesOf.tools;
    return [
      key,
      { ...one, text: `result ${JSON.stringify({ ...result, [member]: keep(result[member] ?? []) })}` },
    ];
  });
  return Object.fromEntries(entries);
}
