/** The version of the Elastic Common Schema whose names these are. */
export const ecsVersion = '9.4.0';

/** Where fields of lines stand in the Elastic Common Schema. Others stand below `sallyport`, under their own names. */
export const ecsFields: Readonly<Record<string, string>> = {
  request: 'http.request.id',
  status: 'http.response.status_code',
  user: 'user.name',
  tenant: 'organization.id',
  address: 'client.address',
  remote: 'client.address',
  trace_id: 'trace.id',
  span_id: 'span.id',
  method: 'event.action',
  ms: 'event.duration',
  code: 'error.code',
  error: 'error.message',
  reason: 'event.reason',
  stack: 'error.stack_trace',
  path: 'file.path',
  file: 'file.path',
  pid: 'process.pid',
  url: 'url.full',
};

/** What the line of a request ended with, as `event.outcome` has it: whether the client got what it asked for. */
const outcomes: Readonly<Record<string, string>> = { ok: 'success', cancelled: 'unknown', gone: 'unknown' };

const custom = new Map<string, string>();

/** Fields below `sallyport` are in lower case with underscores, as those of the schema are. */
function nameOf(key: string): string {
  let name = custom.get(key);
  if (name === undefined) {
    name = `sallyport.${key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;
    custom.set(key, name);
  }
  return name;
}

/** The fields of a line by the names and in the types of the Elastic Common Schema. */
export function inEcs(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const line: Record<string, unknown> = {};
  for (const key of Object.keys(fields)) {
    const value = fields[key];
    // An index has no null, and nothing for it.
    if (value === undefined || value === null) continue;
    const name = ecsFields[key];
    if (key === 'ms' && typeof value === 'number') line['event.duration'] = Math.round(value * 1_000_000);
    else if (key === 'method' && /^[A-Z]+$/.test(String(value))) {
      line['event.action'] = value;
      line['http.request.method'] = value;
    } else if (key === 'error' && typeof value === 'number') line['error.code'] = String(value);
    else if (name === 'error.code') line[name] = String(value);
    else if (name !== undefined) line[name] = flat(value);
    // Names where lines of another kind have objects: an index takes one type for a field.
    else if (key === 'plugins' && !isRuns(value)) line['sallyport.plugin_names'] = value;
    else line[nameOf(key)] = key === 'plugins' ? value : flat(value);
  }
  const { outcome } = fields;
  if (typeof outcome === 'string') Object.assign(line, ofRequest(outcome));
  return line;
}

/** What only the line of a request has: what kind of event it is, and how it ended. */
function ofRequest(outcome: string): Record<string, unknown> {
  return {
    'event.kind': 'event',
    'event.category': ['api'],
    'event.type': ['access', outcome === 'refused' ? 'denied' : 'allowed'],
    'event.dataset': 'sallyport.access',
    'event.outcome': outcomes[outcome] ?? 'failure',
  };
}

const isRuns = (value: unknown): boolean => Array.isArray(value) && typeof value[0] === 'object';

/** What has fields of its own as JSON: nobody knows how many there are, and each would be one of the index. */
function flat(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value) && value.every((item) => typeof item !== 'object')) return value;
  return JSON.stringify(value);
}
