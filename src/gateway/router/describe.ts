import { isObject, type JsonObject } from '../../mcp/messages.js';
import { tasksExtension } from '../../mcp/meta.js';
import type { Era } from '../../mcp/revisions.js';

/** What an upstream said of itself when it was last reached; undefined where it never was. */
export interface Described {
  readonly name: string;
  readonly said?: {
    readonly era: Era;
    readonly capabilities: JsonObject;
    readonly instructions: string | undefined;
  };
}

const lists = ['tools', 'prompts', 'resources'] as const;

/**
 * The capabilities of all upstreams together, as far as the gateway can serve them to a client of this era. An upstream
 * that was never reached may come with any list: a client of the older era is told of capabilities only once.
 */
export function capabilitiesOf(upstreams: readonly Described[], era: Era): JsonObject {
  const all = upstreams.map(({ said }) => said?.capabilities);
  const some = (name: string) => all.some((one) => one?.[name] !== undefined);
  const capabilities: JsonObject = {};
  for (const list of lists) {
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
  // Tasks of either era are a way past the hooks where several methods give one result: only what is known is offered.
  const { [tasksExtension]: _, ...extensions } = merged(all, 'extensions');
  if (Object.keys(extensions).length > 0) capabilities['extensions'] = extensions;
  return capabilities;
}

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
