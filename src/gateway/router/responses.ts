import {
  asSallyError,
  InternalError,
  NotOffered,
  PayloadInvalid,
  PayloadTooLarge,
  PluginContentTooLarge,
  PluginFailed,
  ResultInvalid,
  ResultTooLarge,
  type SallyError,
  UpstreamTimeout,
} from '../../errors.js';
import type { Violation } from '../../hooks/index.js';
import type { Logger } from '../../log.js';
import {
  codes,
  errorResponse,
  type Failure,
  failure,
  type RpcError,
  type RpcResponse,
} from '../../mcp/messages.js';
import type { Era } from '../../mcp/revisions.js';

/** The code for a resource that is not there. */
export function notFoundCode(era: Era): number {
  return era === 'modern' ? codes.invalidParams : codes.resourceNotFound;
}

export { errorResponse };

/** The same in the words of the client's era: a resource that is not offered is one that is not there. */
export function refusal(thrown: unknown, era: Era): RpcResponse {
  const response = errorResponse(thrown);
  if (!NotOffered.is(thrown)) return response;
  const { what, name: uri } = thrown.context;
  if (what !== 'resource') return response;
  return {
    error: { ...response.error, code: notFoundCode(era), data: { ...Object(response.error.data), uri } },
  };
}

/** A violation as the contract puts it to the MCP client. `plugin` names who blocked. */
export function violationResponse(violation: Violation | null, plugin: string | undefined): RpcResponse {
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
export function pluginErrorResponse(thrown: unknown, plugin: string | undefined): RpcResponse {
  const error = asSallyError(thrown);
  // The caller's own doing, and no plugin's.
  if (PayloadInvalid.is(error) || PayloadTooLarge.is(error)) return errorResponse(error);
  const { code = -32603, details, pluginCode, plugin: name = plugin ?? '' } = failureOf(error);
  return {
    error: {
      code,
      message: `Plugin Error: ${error.message}`,
      data: { details, plugin_error_code: pluginCode, plugin_name: name },
      [failure]: { error, plugin: name },
    },
  };
}

/**
 * The failure of a post-hook that is about the size or the form of the result: what was asked for has run, and the client has to know.
 * Undefined for any other.
 */
export function resultErrorResponse(thrown: unknown, what: string, name: string): RpcResponse | undefined {
  if (PayloadTooLarge.is(thrown)) {
    const setting = 'plugin_settings.max_payload_bytes';
    return errorResponse(ResultTooLarge({ what, name, setting, ...thrown.context }));
  }
  if (PluginContentTooLarge.is(thrown)) {
    const { plugin, ...size } = thrown.context;
    return errorResponse(
      ResultTooLarge({ what, name, setting: `max_content_size of plugin '${plugin}'`, ...size }),
    );
  }
  if (!PayloadInvalid.is(thrown)) return undefined;
  return errorResponse(ResultInvalid({ what, name, ...thrown.context }));
}

function failureOf(error: SallyError) {
  if (!PluginFailed.is(error)) {
    const { plugin } = error.context as { readonly plugin?: string };
    return { details: {}, pluginCode: error.code, plugin };
  }
  const { plugin, details = {}, pluginCode, mcpErrorCode: code } = error.context;
  return { plugin, details, pluginCode: pluginCode || error.code, code };
}

/**
 * What the client is told of an error that something has failed with, and the log of the rest: both under the id of the
 * request. `brief` (CWE-209): that there was a failure and where. `full`: the text too, in which a URL, a path, or what an
 * exception or an upstream's error page says may stand.
 */
export function publicError(
  error: RpcError,
  request: string,
  { failures, log }: { readonly failures: 'brief' | 'full'; readonly log: Logger },
): RpcError {
  const failed = error[failure];
  if (failed === undefined) return error;
  report(failed, request, log);
  return failures === 'full' ? error : brief(error, failed, request);
}

function brief({ code, data }: RpcError, { error, plugin }: Failure, request: string): RpcError {
  if (plugin !== undefined) {
    const { plugin_error_code: said } = data as { readonly plugin_error_code: string };
    // The plugin chose it: a code is told, a sentence is not.
    const pluginCode = /^[\w.:-]{1,64}$/.test(said) ? said : error.code;
    const message = `Plugin Error: ${named('plugin', plugin)} failed (${pluginCode}, request ${request})`;
    return {
      code,
      message,
      data: { details: {}, plugin_error_code: pluginCode, plugin_name: plugin, request_id: request },
    };
  }
  const { upstream } = error.context as { readonly upstream?: string };
  // Nothing of the upstream's own is in it: which setting was too short, whoever waited has to know.
  const said = UpstreamTimeout.is(error) ? error.message : undefined;
  const what = upstream === undefined ? 'the gateway' : named('upstream', upstream);
  return {
    code,
    message: `${said ?? `${what} failed`} (${error.code}, request ${request})`,
    data: { code: error.code, ...(upstream !== undefined && { upstream }), request_id: request },
  };
}

const named = (what: string, name: string) => (name === '' ? `a ${what}` : `${what} '${name}'`);

function report({ error, plugin }: Failure, request: string, log: Logger): void {
  const { code, remedy, message, context, cause } = error;
  const { upstream } = context as { readonly upstream?: string };
  const internal = InternalError.is(error);
  // A plugin's own failure stands in the log already, under the same id.
  if (plugin !== undefined && !internal) return;
  const fields = {
    request,
    code,
    ...(upstream !== undefined && { upstream }),
    ...(internal && cause instanceof Error && { stack: cause.stack }),
    remedy,
  };
  log[internal ? 'error' : 'warn'](fields, `a request failed: ${message}`);
}
