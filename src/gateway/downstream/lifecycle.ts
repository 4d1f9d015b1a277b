import { type Answer, areFacts, type JsonObject, type RpcError } from '../../mcp/messages.js';
import { metaKeys } from '../../mcp/meta.js';
import { modernRevisions, negotiate } from '../../mcp/revisions.js';
import type { Client, Router } from '../client.js';
import { errorAnswer } from '../router/index.js';
import type { Call } from './call.js';
import { type Telling, tell } from './failures.js';

/** What a client of a revision with sessions opens with; undefined where its `initialize` is not one. */
export function readInitialize(
  params: JsonObject,
): { revision: string; capabilities: JsonObject; info: JsonObject } | undefined {
  const { protocolVersion, capabilities, clientInfo } = params;
  if (typeof protocolVersion !== 'string' || !areFacts(capabilities) || !areFacts(clientInfo))
    return undefined;
  return { revision: negotiate(protocolVersion), capabilities, info: clientInfo };
}

export const badInitialize: RpcError = {
  code: -32602,
  message: 'Invalid params: initialize has to have protocolVersion, capabilities and clientInfo',
};

/** The answer to `initialize`. */
export async function initialized(router: Router, client: Client, signal: AbortSignal): Promise<Answer> {
  const { capabilities, serverInfo, instructions } = await router.describe(client, signal);
  const text = instructions === undefined ? {} : { instructions };
  return { result: { protocolVersion: client.revision, capabilities, serverInfo, ...text } };
}

/** The answer to `server/discover`. What is offered changes as upstreams come and go, and is one caller's own. */
export async function discovered(router: Router, client: Client, signal: AbortSignal): Promise<Answer> {
  const { capabilities, serverInfo, instructions } = await router.describe(client, signal);
  const text = instructions === undefined ? {} : { instructions };
  const result = {
    resultType: 'complete',
    supportedVersions: modernRevisions,
    capabilities,
    ...text,
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [metaKeys.serverInfo]: serverInfo },
  };
  return { result };
}

/** What the client is told of the answer of the router: one never rejects, unless it is broken. */
export async function answerOf(call: Call, telling: Telling, serve: () => Promise<Answer>): Promise<Answer> {
  let answer: Answer;
  try {
    answer = await serve();
  } catch (thrown) {
    answer = errorAnswer(thrown);
  }
  // Nobody waits for it: what failed was ended, and may say so in any words.
  return call.signal.aborted ? answer : tell(answer, call.requestId, telling);
}
