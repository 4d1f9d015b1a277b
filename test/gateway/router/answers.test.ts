import { describe, expect, it } from 'vitest';
import { PayloadTooLarge, PluginFailed, PluginTimeout } from '../../../src/errors.js';
import {
  errorResponse,
  pluginErrorResponse,
  violationResponse,
} from '../../../src/gateway/router/responses.js';

describe('[M18] what an MCP client is told', () => {
  it('of a violation: the plugin’s code or -32602, the description, and who', () => {
    const violation = {
      reason: 'r',
      description: 'Not this one',
      code: 'DENIED',
      details: { a: 1 },
      plugin_name: 'P',
    };
    expect(violationResponse(violation, undefined)).toEqual({
      error: {
        code: -32602,
        message: 'Plugin Violation: Not this one',
        data: {
          description: 'Not this one',
          details: { a: 1 },
          plugin_error_code: 'DENIED',
          plugin_name: 'P',
        },
      },
    });
    expect(violationResponse({ ...violation, mcp_error_code: -32077 }, undefined)).toMatchObject({
      error: { code: -32077 },
    });
    expect(violationResponse(null, 'P')).toMatchObject({
      error: { code: -32602, data: { plugin_name: 'P' } },
    });
  });

  it('of a plugin’s failure: -32603 or the plugin’s code, the message, and who', () => {
    const failed = PluginFailed({
      plugin: 'P',
      hook: 'tool_pre_invoke',
      message: 'boom',
      pluginCode: 'X1',
      details: { b: 2 },
    });
    expect(pluginErrorResponse(failed, undefined)).toMatchObject({
      error: {
        code: -32603,
        message: "Plugin Error: plugin 'P' failed in tool_pre_invoke: boom",
        data: { details: { b: 2 }, plugin_error_code: 'X1', plugin_name: 'P' },
      },
    });
    const coded = PluginFailed({
      plugin: 'P',
      hook: 'tool_pre_invoke',
      message: 'boom',
      mcpErrorCode: -32099,
    });
    expect(pluginErrorResponse(coded, undefined)).toMatchObject({ error: { code: -32099 } });
    const late = PluginTimeout({ plugin: 'P', hook: 'tool_pre_invoke', seconds: 30 });
    expect(pluginErrorResponse(late, 'P')).toMatchObject({
      error: { code: -32603, data: { plugin_error_code: 'SALLY_PLUGIN_TIMEOUT', plugin_name: 'P' } },
    });
  });

  it('of a payload that no plugin was given: that it is the caller’s own', () => {
    const large = PayloadTooLarge({ hook: 'tool_pre_invoke', bytes: 2, limit: 1 });
    expect(pluginErrorResponse(large, undefined)).toMatchObject({
      error: { code: -32602, data: { code: 'SALLY_HOOK_PAYLOAD_SIZE' } },
    });
  });

  it('of anything that was thrown: a code of the registry and what to do', () => {
    expect(errorResponse(new Error('oops'))).toMatchObject({
      error: { code: -32603, data: { code: 'SALLY_INTERNAL' } },
    });
  });
});
