import {
  findSallyError,
  InternalError,
  messageOf,
  NotOffered,
  PayloadInvalid,
  PayloadTooLarge,
  PluginFailed,
  type SallyError,
  TooManySuspended,
  UpstreamBusy,
} from '../../errors.js';
import type { Violation } from '../../hooks/index.js';
import { type Answer, type Era, noRoom, type RpcError } from '../rpc.js';
import { notFoundCode } from './codes.js';

/** An error of the gateway's own, as its client gets it. */
export function errorAnswer(thrown: unknown): Answer {
  const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
  const { jsonRpcCode: code, message, remedy } = error;
  const full = UpstreamBusy.is(error) || TooManySuspended.is(error);
  return { error: { code, message, data: { code: error.code, remedy }, ...(full && { [noRoom]: true }) } };
}

/** The same in the words of the client's era: a resource that is not offered is one that is not there. */
export function refusal(thrown: unknown, era: Era): Answer {
  const answer = errorAnswer(thrown);
  if (!NotOffered.is(thrown) || !('error' in answer)) return answer;
  const { what, name: uri } = thrown.context;
  if (what !== 'resource') return answer;
  return { error: { ...answer.error, code: notFoundCode(era), data: { ...Object(answer.error.data), uri } } };
}

/** A violation as the contract puts it to the MCP client. `plugin` names who blocked. */
export function violationAnswer(violation: Violation | null, plugin: string | undefined): Answer {
  const description = violation?.description || violation?.reason || 'the plugin gave no reason';
  const error: RpcError = {
    code: violation?.mcp_error_code ?? -32602,
    message: `Plugin Violation: ${description}`,
    data: {
      description,
      details: violation?.details ?? {},
      plugin_error_code: violation?.code ?? '',
      plugin_name: violation?.plugin_name ?? plugin ?? '',
    },
  };
  return { error };
}

/** The failure of a hook call that ends the request, as the contract puts it to the MCP client. */
export function pluginErrorAnswer(thrown: unknown, plugin: string | undefined): Answer {
  const error = findSallyError(thrown) ?? InternalError({ detail: messageOf(thrown) }, thrown);
  // The caller's own doing, and no plugin's.
  if (PayloadInvalid.is(error) || PayloadTooLarge.is(error)) return errorAnswer(error);
  const failure = failureOf(error);
  return {
    error: {
      code: failure.code ?? -32603,
      message: `Plugin Error: ${error.message}`,
      data: {
        details: failure.details,
        plugin_error_code: failure.pluginCode,
        plugin_name: failure.plugin ?? plugin ?? '',
      },
    },
  };
}

function failureOf(error: SallyError) {
  if (!PluginFailed.is(error)) return { details: {}, pluginCode: error.code };
  const { plugin, details = {}, pluginCode, mcpErrorCode: code } = error.context;
  return { plugin, details, pluginCode: pluginCode || error.code, code };
}
