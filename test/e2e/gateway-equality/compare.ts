import { expect } from 'vitest';
import { patience } from '../../support/patience.js';
import type { Message, RecordingClient } from './clients.js';

/** Each of these tests starts several programs and asks some fifty things of them, twice. */
export const roomy = { timeout: patience(90_000) };

/** Something that is done with a server, and what it is called. */
export interface Step {
  readonly name: string;
  /** The tool, prompt or resource that it is about. */
  readonly about?: string;
  run(client: RecordingClient): Promise<unknown>;
  /** Takes out what differs whoever is asked; each use says why. */
  readonly without?: (text: string) => string;
}

export const tool = (name: string, args: object = {}, more: Partial<Step> = {}): Step => ({
  name: `tool ${name} ${JSON.stringify(args)}`,
  about: name,
  // A tool that is called without being listed first is called as it is: nothing of its result is checked.
  run: (client) => client.callTool({ name, arguments: args }),
  ...more,
});
export const prompt = (name: string, args?: object, more: Partial<Step> = {}): Step => ({
  name: `prompt ${name} ${JSON.stringify(args)}`,
  about: name,
  run: (client) => client.getPrompt({ name, ...(args && { arguments: args }) }),
  ...more,
});
export const resource = (uri: string, more: Partial<Step> = {}): Step => ({
  name: `resource ${uri}`,
  about: uri,
  run: (client) => client.readResource({ uri }),
  ...more,
});
export const completion = (ref: object, argument: object, context?: object): Step => ({
  name: `completion ${JSON.stringify({ ref, argument })}`,
  run: (client) => client.complete({ ref, argument, ...(context && { context: { arguments: context } }) }),
});

const lists = {
  tools: (client, params) => client.listTools(params),
  prompts: (client, params) => client.listPrompts(params),
  resources: (client, params) => client.listResources(params),
  resourceTemplates: (client, params) => client.listResourceTemplates(params),
} satisfies Record<string, (client: RecordingClient, params?: object) => Promise<{ nextCursor?: string }>>;
export type ListName = keyof typeof lists;

/** Everything that a client was told, step by step, as text. */
export type Transcript = Record<string, string>;

export async function transcribe(
  client: RecordingClient,
  wanted: readonly ListName[],
  steps: readonly Step[],
): Promise<Transcript> {
  const transcript: Transcript = {};
  for (const list of wanted) transcript[`list ${list}`] = await everyEntry(client, list);
  for (const { name, run, without = (said: string) => said } of steps) {
    transcript[name] = without(await whatCame(client, () => run(client)));
  }
  return transcript;
}

/** The entries of all pages: how long a page is, is each server's own affair. */
async function everyEntry(client: RecordingClient, list: ListName): Promise<string> {
  const entries: unknown[] = [];
  let cursor: string | undefined;
  do {
    const before = client.came.length;
    ({ nextCursor: cursor } = await lists[list](client, cursor === undefined ? undefined : { cursor }));
    for (const { result } of client.came.slice(before).filter(isAnswer)) {
      entries.push(...((result as Record<ListName, unknown[]>)[list] ?? []));
    }
  } while (cursor !== undefined);
  return entries.map((entry) => JSON.stringify(entry)).join('\n');
}

/** The answer to what was done, and the progress before it. */
async function whatCame(client: RecordingClient, run: () => Promise<unknown>): Promise<string> {
  const before = client.came.length;
  // An answer that is an error rejects; it is an answer like any other.
  await run().catch(() => {});
  const came = client.came.slice(before);
  const progress = came.filter(({ method }) => method === 'notifications/progress').map(withoutToken);
  const answers = came
    .filter((message) => isAnswer(message) && !isQuestion(message))
    .map(({ result, error }) => ({ result: withoutEra(result), error }));
  return [...progress, ...answers].map((one) => JSON.stringify(one)).join('\n');
}

const isAnswer = (message: Message) => 'result' in message || 'error' in message;

/** A question to the client comes as a result that is none yet, or in a session as a request: it is no answer either way. */
const isQuestion = ({ result }: Message) =>
  (result as Message | undefined)?.['resultType'] === 'input_required';

/** Every client numbers its own. */
function withoutToken({ params }: Message): unknown {
  const { progressToken: _, ...rest } = params as Message;
  return rest;
}

/** 2026-07-28 says of every result of what type it is, how long it may be kept and whose it is; older revisions do not. */
function withoutEra(result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result;
  const { resultType: _, ttlMs: __, cacheScope: ___, _meta, ...rest } = result as Message;
  const { 'io.modelcontextprotocol/serverInfo': ____, ...meta } = (_meta ?? {}) as Message;
  return Object.keys(meta).length > 0 ? { ...rest, _meta: meta } : rest;
}

/** Holds where every step told the same, and none was forgotten. */
export function expectSame(through: Transcript, direct: Transcript): void {
  for (const [name, said] of Object.entries(direct)) expect(through[name], name).toBe(said);
  expect(Object.keys(through)).toEqual(Object.keys(direct));
}

/** Fails where a server has a tool, a prompt or a resource that no step is about. */
export function expectComplete(
  direct: Transcript,
  list: ListName,
  steps: readonly Step[],
  leftOut: readonly string[] = [],
): void {
  const key = list === 'resources' ? 'uri' : 'name';
  const told = (direct[`list ${list}`] ?? '').split('\n').filter(Boolean);
  const names = told.map((line) => (JSON.parse(line) as Record<string, string>)[key]);
  const covered = new Set([...steps.map(({ about }) => about), ...leftOut]);
  expect(
    names.filter((name) => !covered.has(name)),
    `${list} that no step is about`,
  ).toEqual([]);
}
