import { z } from 'zod';
import { isJsonObject } from '../json/index.js';
import { type HookResult, type Hooks, modify, type PluginContext, proceed } from '../plugin/index.js';
import { defineFilter, settings, withKeysOf } from './filter.js';
import { userOf } from './who.js';

const HeaderMap = z.record(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'not the name of a header'), z.string());
const names = ['tools', 'prompts', 'resources', 'agents'] as const;

const Settings = settings({
  set: HeaderMap.default({}).describe(
    'Headers that a request to the upstream gets, whatever the client has sent: `{user}`, `{tenant}`, `{server}`, `{request}` and `{name}` (of the tool, prompt or agent, or the URI) stand for what is known of it.',
  ),
  copy: HeaderMap.default({}).describe(
    'Headers that take the value of one of the client, where it has sent that: the name of the new one, and that of the client.',
  ),
  remove: z
    .array(z.string())
    .default([])
    .describe(
      'Headers that are taken out of the request as plugins after this one see it. It comes before `set` and `copy`.',
    ),
  for: z
    .array(z.enum(names))
    .default([...names])
    .describe('Which requests.'),
  uri_prefixes: z
    .array(z.string())
    .nullish()
    .describe('Of resources only those whose URI begins with one of these.'),
  response: settings({
    set: HeaderMap.default({}).describe('Headers that the answer to the client gets.'),
    remove: z.array(z.string()).default([]).describe('Headers that are taken out of it.'),
  })
    .optional()
    .describe('What becomes of the headers of HTTP answers, by the hook `http_post_request`.'),
});
type Settings = z.output<typeof Settings>;

const notes = `- The gateway sends upstreams none of the client's headers. Those that a plugin adds or changes go on, in the request of that call alone; a header that
  is the same as the client's does not: give it another name with \`copy\`.
- What belongs to the message, the connection or MCP (\`Content-*\`, \`Accept*\`, \`Proxy-*\`, \`Mcp-*\`, \`Connection\` and their like) no plugin can set: it is left out, and the log says so. A
  value with characters that no header can have is left out too.
- Upstreams over stdio have no headers.
- A placeholder of which nothing is known leaves the header out.`;

/** The headers of a request with the rules applied; the same map where they change nothing. */
export function withRules(
  headers: Readonly<Record<string, string>>,
  { set, copy, remove }: Pick<Settings, 'set' | 'copy' | 'remove'>,
  values: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const gone = new Set(
    [...remove, ...Object.keys(set), ...Object.keys(copy)].map((name) => name.toLowerCase()),
  );
  const sent = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const made = Object.entries(headers).filter(([name]) => !gone.has(name.toLowerCase()));
  for (const [name, from] of Object.entries(copy)) {
    const value = sent.get(from.toLowerCase());
    if (value !== undefined) made.push([name, value]);
    // What the client has sent itself under the new name is not to pass for it.
  }
  for (const [name, template] of Object.entries(set)) {
    let known = true;
    const value = template.replace(/\{(user|tenant|server|request|name)\}/g, (_all, key: string) => {
      known &&= values[key] !== undefined;
      return values[key] ?? '';
    });
    if (known) made.push([name, value]);
  }
  return Object.fromEntries(made);
}

const textMap = (value: unknown): Record<string, string> =>
  isJsonObject(value) ? (value as Record<string, string>) : {};

const filter = defineFilter({
  page: {
    title: 'Header rules',
    summary: 'adds, copies and removes headers of requests to upstreams',
    notes,
    examples: [
      {
        title: 'Who asks, for the upstream',
        config: {
          set: { 'X-Acting-User': '{user}' },
          copy: { 'X-Team': 'X-Client-Team' },
          remove: ['Cookie'],
        },
        hook: 'tool_pre_invoke',
        payload: { name: 'search', args: {}, headers: { 'x-client-team': 'blue', cookie: 'id=1' } },
      },
    ],
  },
  config: Settings,
  setup(set) {
    const applied = (payload: Record<string, unknown>, name: string, context: PluginContext) => {
      const { tenant_id, server_id, request_id } = context.global_context;
      return withRules(textMap(payload['headers']), set, {
        user: userOf(context),
        tenant: tenant_id ?? undefined,
        server: server_id ?? undefined,
        request: request_id,
        name,
      });
    };
    const rule =
      (key: string) =>
      (payload: Record<string, unknown>, context: PluginContext): HookResult =>
        modify({ ...payload, headers: applied(payload, String(payload[key]), context) });
    const resource = (payload: Record<string, unknown>, context: PluginContext): HookResult => {
      const uri = String(payload['uri']);
      const prefixes = set.uri_prefixes ?? [];
      if (prefixes.length > 0 && !prefixes.some((prefix) => uri.startsWith(prefix))) return proceed();
      const metadata = textMap(payload['metadata']);
      const headers = { ...textMap(metadata['headers']), ...applied(payload, uri, context) };
      // Other gateways look for them in the metadata.
      return modify(
        { ...payload, headers: applied(payload, uri, context), metadata: { ...metadata, headers } },
        { headers_injected: true, count: Object.keys(set.set).length },
      );
    };
    const all = {
      tools: { tool_pre_invoke: rule('name') },
      prompts: { prompt_pre_fetch: rule('prompt_id') },
      resources: { resource_pre_fetch: resource },
      agents: { agent_pre_invoke: rule('agent_id') },
    };
    const hooks: Record<string, unknown> = Object.assign({}, ...set.for.map((what) => all[what]));
    const { response } = set;
    if (response !== undefined)
      hooks['http_post_request'] = (payload: Record<string, unknown>) =>
        modify(withRules(textMap(payload['response_headers']), { ...response, copy: {} }, {}));
    return { hooks: hooks as Hooks };
  },
});
export default filter;

export const contextforge = withKeysOf(
  filter,
  settings({
    headers: HeaderMap.default({}).describe('Headers that the request for a resource gets.'),
    uri_prefixes: z
      .array(z.string())
      .nullish()
      .describe('Only resources whose URI begins with one of these; none is all.'),
  }).transform(({ headers, uri_prefixes }) => ({ set: headers, uri_prefixes, for: ['resources'] as const })),
);
