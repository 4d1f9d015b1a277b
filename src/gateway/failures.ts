import { InternalError } from '../errors.js';
import type { Logger } from '../log.js';
import { type Failure, failure, type RpcError } from '../mcp/messages.js';

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
  const what = upstream === undefined ? 'the gateway' : named('upstream', upstream);
  return {
    code,
    message: `${what} failed (${error.code}, request ${request})`,
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
