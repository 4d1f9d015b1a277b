import { CancelSource } from '../cancel.js';
import { ToolArgumentsInvalid } from '../errors.js';
import type { Reply, RequestHead } from '../http/index.js';
import { isJsonObject, JsonNumber, writeJson } from '../json/index.js';
import { type Tool, type ToolDeps, type ToolResult, tools } from '../wire/index.js';

type Headers = RequestHead['headers'];

interface LaneDeps extends ToolDeps {
  readonly version: string;
}

/**
 * The lane: calls of our tools make up all the traffic of a plugin server, and go from the parsed body straight to the
 * tool. It answers a request only where nothing about it is in doubt. False for everything else, and for every request
 * that deserves an error of the protocol: that goes the SDK's way.
 */
export async function tryLane(
  { headers }: Pick<RequestHead, 'headers'>,
  body: unknown,
  reply: Reply,
  deps: LaneDeps,
): Promise<boolean> {
  const call = toolCall(headers, body);
  if (call === undefined) return false;
  const scope = new CancelSource();
  reply.once('close', () => {
    if (!reply.writableFinished) scope.abort(undefined);
  });
  let result: ToolResult;
  try {
    result = await call.tool(call.args, deps, scope);
  } catch (error) {
    if (ToolArgumentsInvalid.is(error)) return false;
    throw error;
  }
  if (reply.destroyed) return true;
  const told = call.modern ? modernResult(result, deps.version) : result;
  const json = `{"jsonrpc":"2.0","id":${writeJson(call.id)},"result":${writeJson(told)}}`;
  reply.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(json) });
  reply.end(json);
  return true;
}

/** What replies of 2026-07-28 say more. */
function modernResult({ content, structuredContent, _meta }: ToolResult, version: string) {
  const server = { 'io.modelcontextprotocol/serverInfo': { name: 'sallyport-plugin-server', version } };
  // Field by field: V8 takes its time for a spread with more behind it, and this is written for every call.
  const told = _meta === undefined ? server : { ..._meta, ...server };
  return { content, structuredContent, resultType: 'complete', _meta: told };
}

interface ToolCall {
  readonly id: string | number | JsonNumber;
  readonly tool: Tool;
  readonly args: unknown;
  /** Whether the caller speaks 2026-07-28: its replies say more. */
  readonly modern: boolean;
}

const meta = 'io.modelcontextprotocol/';
const modernRevision = '2026-07-28';
const legacyRevisions = ['2025-06-18', '2025-11-25'];

type Dict = Readonly<Record<string, unknown>>;

const isDict: (value: unknown) => value is Dict = isJsonObject;

const isNumber = (value: unknown): value is number | JsonNumber =>
  typeof value === 'number' || value instanceof JsonNumber;

function toolCall(headers: Headers, body: unknown): ToolCall | undefined {
  if (!isDict(body) || body['jsonrpc'] !== '2.0' || body['method'] !== 'tools/call') return undefined;
  const { id, params } = body;
  if ((typeof id !== 'string' && !isNumber(id)) || !isDict(params)) return undefined;
  const { name } = params;
  if (typeof name !== 'string') return undefined;
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
  if (tool === undefined) return undefined;
  const accept = String(headers['accept'] ?? '');
  if (!accept.includes('application/json') || !accept.includes('text/event-stream')) return undefined;
  const type = String(headers['content-type'] ?? '');
  if (type !== 'application/json' && type.split(';')[0]?.trim() !== 'application/json') return undefined;
  const modern = era(headers, params['_meta'], name);
  return modern === undefined ? undefined : { id, tool, args: params['arguments'], modern };
}

/** Whether the request is a whole one of 2026-07-28 (headers and envelope agree), or a plain one before; undefined for neither. */
function era(headers: Headers, envelope: unknown, tool: string): boolean | undefined {
  const revision = headers['mcp-protocol-version'];
  const named = isDict(envelope) ? envelope[`${meta}protocolVersion`] : undefined;
  if (revision === modernRevision) {
    const agrees =
      named === revision &&
      isDict(envelope) &&
      isDict(envelope[`${meta}clientCapabilities`]) &&
      headers['mcp-method'] === 'tools/call' &&
      headers['mcp-name'] === tool;
    return agrees ? true : undefined;
  }
  const plain =
    legacyRevisions.includes(String(revision)) &&
    named === undefined &&
    headers['mcp-method'] === undefined &&
    headers['mcp-session-id'] === undefined;
  return plain ? false : undefined;
}
