import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../../interop/lib/processes.mjs';
import { modernRevision, openSession } from './session.mjs';

/** What belongs to the request during which it comes; anything else may come at any time. */
const ofRequest = new Set([
  'notifications/progress',
  'sampling/createMessage',
  'elicitation/create',
  'notifications/resources/updated',
]);
/** How long a server may take to say what a step waits for, and how long a cancelled call is listened for. */
const untilMs = 15_000;
const silenceMs = 400;
/** How long a server may take to say that it knows the other era: some say nothing at all to what they do not know. */
const discoverMs = 20_000;

/** What a client sees of one server: key → `{text, heard}`, where `text` is the answer as it was written. */
export async function observe(target, { era = 'legacy', root, plan }) {
  const session = await openSession(target, { era, root });
  try {
    const opened = await session.open();
    if (opened.error) throw new Error(`it does not open: ${opened.error}`);
    const { capabilities, instructions } = JSON.parse(opened.result);
    const steps = typeof plan === 'function' ? plan(await listsOf(session, capabilities)) : plan;
    const seen = await look(session, steps, era);
    return { steps, seen: { instructions: value(instructions), capabilities: value(capabilities), ...seen } };
  } catch (error) {
    throw Object.assign(error, { tail: session.tail() });
  } finally {
    await session.close();
  }
}

/** Asks everything of a plan, one after another. */
export async function look(session, steps, era = 'legacy') {
  const seen = {};
  const anyTime = new Set();
  for (const step of steps) {
    if (era === 'modern' && step.legacyOnly) continue;
    const { other, ...came } = await take(session, step);
    seen[step.key] = came;
    for (const { method } of other) anyTime.add(method);
  }
  return {
    ...seen,
    'what the server says by itself': value(
      Object.fromEntries([...anyTime].map((method) => [method, 'said'])),
    ),
  };
}

/** Whether a server takes the revision without sessions. */
export async function isModern(target) {
  const session = await openSession(target, { era: 'modern' });
  const opened = await within(discoverMs, 'server/discover', session.open()).catch((error) => ({ error }));
  await session.close();
  const { supportedVersions = [] } = JSON.parse(opened.result ?? '{}');
  return supportedVersions.includes(modernRevision);
}

/** What is made anew on every hop, and compared by its values: members in the order of their names. */
const value = (of) => ({ text: `result ${JSON.stringify(of ?? null, inOrder)}`, heard: [] });

function inOrder(_key, one) {
  if (typeof one !== 'object' || one === null || Array.isArray(one)) return one;
  return Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function listsOf(session, capabilities) {
  const lists = { capabilities };
  for (const method of ['tools/list', 'prompts/list', 'resources/list']) {
    const { result } = await session.ask(method);
    if (result) Object.assign(lists, JSON.parse(result));
  }
  return lists;
}

async function take(session, step) {
  const params = step.progress ? { ...step.params, _meta: { progressToken: 'a-token' } } : step.params;
  let text;
  if (step.cancel) {
    const { id, done } = session.start(step.method, params);
    await sleep(silenceMs);
    await session.notify('notifications/cancelled', { requestId: id, reason: 'enough' });
    const answered = await Promise.race([done, sleep(silenceMs * 3)]).catch((error) => ({
      error: error.message,
    }));
    text = answered ? textOf(answered) : 'no answer, as it should be';
  } else {
    const answered = await session.ask(step.method, params).catch((error) => ({ lost: error.message }));
    text = textOf(answered);
  }
  if (step.until) await session.hears(step.until, untilMs);
  const heard = session.heard();
  const own = heard.filter(({ method }) => ofRequest.has(method));
  const other = heard.filter(({ method }) => !ofRequest.has(method));
  // How often an update comes until the next look is a matter of time.
  const told = own.map(({ method, params }) => `${method} ${params}`);
  return { text, heard: step.until ? [...new Set(told)] : told, other };
}

function textOf({ result, error, lost }) {
  if (lost !== undefined) return `lost ${lost}`;
  return error === undefined ? `result ${result}` : `error ${error}`;
}
