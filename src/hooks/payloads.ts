import { z } from 'zod';

/**
 * Payload schemas, one for each payload of the contract. Fields that the contract does not name are
 * kept: peers of other versions send more than is known here. Optional fields may be absent or null,
 * because Python clients drop nulls and Python servers send them.
 */
const text = z.string();
const object = z.record(z.string(), z.unknown());
const headers = z.record(z.string(), z.string());

export const PromptPrePayload = z.looseObject({ prompt_id: text, args: headers.nullish() });
export const PromptPostPayload = z.looseObject({
  prompt_id: text,
  result: z.looseObject({ messages: z.array(z.looseObject({})).nullish(), description: text.nullish() }),
});
export const ToolPrePayload = z.looseObject({
  name: text,
  args: object.nullish(),
  headers: headers.nullish(),
});
export const ToolPostPayload = z.looseObject({ name: text, result: z.unknown().optional() });
export const ResourcePrePayload = z.looseObject({ uri: text, metadata: object.nullish() });
export const ResourcePostPayload = z.looseObject({ uri: text, content: z.unknown().optional() });
export const AgentPrePayload = z.looseObject({
  agent_id: text,
  messages: z.array(z.unknown()).nullish(),
  tools: z.array(z.unknown()).nullish(),
  headers: headers.nullish(),
  model: text.nullish(),
  system_prompt: text.nullish(),
  parameters: object.nullish(),
});
export const AgentPostPayload = z.looseObject({
  agent_id: text,
  messages: z.array(z.unknown()).nullish(),
  tool_calls: z.array(z.unknown()).nullish(),
});
export const HttpPreRequestPayload = z.looseObject({
  path: text,
  method: text,
  client_host: text.nullish(),
  client_port: z.number().nullish(),
  headers: headers.nullish(),
});
export const HttpPostRequestPayload = HttpPreRequestPayload.extend({
  response_headers: headers.nullish(),
  status_code: z.number().nullish(),
});
export const HttpAuthResolveUserPayload = z.looseObject({
  credentials: object.nullish(),
  headers: headers.nullish(),
  client_host: text.nullish(),
  client_port: z.number().nullish(),
});
export const HttpAuthCheckPermissionPayload = z.looseObject({
  user_email: text,
  permission: text,
  resource_type: text.nullish(),
  team_id: text.nullish(),
  is_admin: z.boolean().nullish(),
  auth_method: text.nullish(),
  client_host: text.nullish(),
  user_agent: text.nullish(),
});

/** What `http_pre_request` and `http_post_request` may change: the headers, as a bare map. */
export const HeaderMap = headers;
/** What `http_auth_resolve_user` answers: the user, as a free-form object. */
export const UserRecord = object;
/** What `http_auth_check_permission` answers. */
export const PermissionDecision = z.looseObject({ granted: z.boolean(), reason: text.nullish() });
