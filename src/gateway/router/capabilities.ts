import type { Facts } from '../../mcp/client/session.js';
import { isObject, type JsonObject, type RpcResponse, tasksExtension } from '../../mcp/messages.js';
import { type ChangingList, changingLists } from '../../mcp/methods.js';
import type { Era } from '../../mcp/revisions.js';

/** What an upstream said of itself when it was last reached; undefined where it never was. */
export interface Described {
  readonly name: string;
  readonly said?: Pick<Facts, 'era' | 'capabilities' | 'instructions'> | undefined;
}

/**
 * The capabilities of all upstreams together, as far as the gateway can serve them to a client of this era. An upstream
 * that was never reached may come with any list: a client of the older era is told of capabilities only once.
 */
export function capabilitiesOf(upstreams: readonly Described[], era: Era): JsonObject {
  const all = upstreams.map(({ said }) => said?.capabilities);
  const some = (name: string) => all.some((one) => one?.[name] !== undefined);
  const capabilities: JsonObject = {};
  for (const list of changingLists) {
    if (!some(list) && !all.includes(undefined)) continue;
    // The gateway's own doing, whatever the upstream can: its coming and going changes every list.
    capabilities[list] = { ...merged(all, list), listChanged: true };
  }
  for (const name of ['completions', 'logging'] as const) {
    if (some(name)) capabilities[name] = merged(all, name);
  }
  const [only] = upstreams;
  if (upstreams.length === 1 && only?.said !== undefined) {
    const { experimental, tasks } = only.said.capabilities;
    if (experimental !== undefined) capabilities['experimental'] = experimental;
    if (tasks !== undefined && era === 'legacy' && only.said.era === 'legacy') capabilities['tasks'] = tasks;
  }
  // Tasks are a way past the hooks where several methods give one result: only what is known is offered.
  const { [tasksExtension]: _, ...extensions } = merged(all, 'extensions');
  if (Object.keys(extensions).length > 0) capabilities['extensions'] = extensions;
  return capabilities;
}

/** What of it is left at a virtual server: the lists of which it offers something, and no methods that nobody knows here. */
export function offeredCapabilities(
  server: { offers(kind: ChangingList): boolean },
  { experimental, ...all }: JsonObject,
): JsonObject {
  const left = Object.entries(all).filter(([name]) => !isList(name) || server.offers(name));
  return Object.fromEntries(left);
}

const isList = (name: string): name is ChangingList => (changingLists as readonly string[]).includes(name);

function merged(all: readonly (JsonObject | undefined)[], name: string): JsonObject {
  return Object.assign({}, ...all.map((one) => (isObject(one?.[name]) ? one[name] : {}))) as JsonObject;
}

/** The instructions of the one upstream as they are; of several under their names. */
export function instructionsOf(upstreams: readonly Described[]): string | undefined {
  const given = upstreams.flatMap(({ name, said }) =>
    said?.instructions ? [{ name, text: said.instructions }] : [],
  );
  if (given.length === 0) return undefined;
  if (upstreams.length === 1) return given[0]?.text;
  return given.map(({ name, text }) => `# ${name}\n\n${text}`).join('\n\n');
}

/** Capabilities with which a client can be asked, or that change what an upstream shows it: not to be shared. */
const personal = ['sampling', 'elicitation', 'roots', 'tasks', 'extensions', 'experimental'] as const;

/** Whether a session with these capabilities has to be the client's own. */
export function isPersonal(capabilities: JsonObject): boolean {
  return personal.some((name) => capabilities[name] !== undefined);
}

/**
 * What an upstream is told that the client can do. The tasks of the modern era let an upstream return a handle for a call at
 * any time: past the hooks, so not through here.
 */
export function passedCapabilities(capabilities: JsonObject): JsonObject {
  const { extensions, ...rest } = capabilities;
  if (!isObject(extensions)) return capabilities;
  const { [tasksExtension]: _, ...others } = extensions;
  return Object.keys(others).length === 0 ? rest : { ...rest, extensions: others };
}

/** What a client must be able to do to be asked this. Other methods are between the two ends alone. */
const capabilityFor: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
};

/** Whether the client said that it takes such requests; of a method that is not known nobody can say. */
export function canAnswer(capabilities: JsonObject, method: string): boolean | undefined {
  const capability = capabilityFor[method];
  return capability === undefined ? undefined : capabilities[capability] !== undefined;
}

/** Whether there is anything that the client can be asked. */
export function askable({ capabilities }: { readonly capabilities: JsonObject }): boolean {
  return Object.values(capabilityFor).some((capability) => capabilities[capability] !== undefined);
}

/** The response to an upstream that asks what the client does not know: what the client would have said itself. */
export function cannotServe(method: string): RpcResponse {
  return { error: { code: -32601, message: `Method not found: ${method}` } };
}
