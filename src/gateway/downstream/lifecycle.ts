import { findSallyError, InternalError, messageOf } from '../../errors.js';
import type { Logger } from '../../log.js';
import type { Client, ClientRequest, Router } from '../client.js';
import type { Answer, JsonObject, RpcError } from '../rpc.js';
import { areFacts } from './message.js';
import { modernRevisions, negotiate } from './revisions.js';

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
    _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo },
  };
  return { result };
}

/** The answer of the router, or what its failure is to the client: a router never rejects, unless it is broken. */
export async function answerOf(
  request: Pick<ClientRequest, 'method'>,
  log: Logger,
  serve: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await serve();
  } catch (thrown) {
    const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
    log.error({ method: request.method, code: error.code, remedy: error.remedy }, error.message);
    return errorAnswer(error);
  }
}

/** An error of ours as a client sees it. */
export function errorAnswer(error: {
  readonly jsonRpcCode: number;
  readonly message: string;
  readonly code: string;
  readonly remedy: string;
}): { readonly error: RpcError } {
  const { code, remedy } = error;
  return { error: { code: error.jsonRpcCode, message: error.message, data: { code, remedy } } };
}
