import { Client as Client2, StreamableHTTPClientTransport as Http2 } from '@modelcontextprotocol/client';
import { StdioClientTransport as Stdio2 } from '@modelcontextprotocol/client/stdio';
import { Client as Client1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as Stdio1 } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as Http1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { type Answering, answers } from './answers.js';

/** Where a server is: at a URL, or behind a command. */
export type Target = { readonly url: string } | Command;
export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export type Message = Record<string, unknown>;

/** What the clients of both generations have in common, and every message that came, as it came. */
export interface RecordingClient {
  readonly came: Message[];
  listTools(params?: object): Promise<{ tools: { name: string }[]; nextCursor?: string }>;
  listPrompts(params?: object): Promise<{ prompts: { name: string }[]; nextCursor?: string }>;
  listResources(params?: object): Promise<{ resources: { uri: string }[]; nextCursor?: string }>;
  listResourceTemplates(params?: object): Promise<{ nextCursor?: string }>;
  callTool(params: object): Promise<unknown>;
  /** The same, and the client wants to hear of progress. */
  callToolWithProgress(params: object): Promise<unknown>;
  getPrompt(params: object): Promise<unknown>;
  readResource(params: object): Promise<unknown>;
  complete(params: object): Promise<unknown>;
  close(): Promise<void>;
}

/** A generation of the SDK, and how it is used. */
export interface Generation {
  readonly name: string;
  /** What it speaks to a server that speaks both. */
  readonly era: 'legacy' | 'modern';
  /** Whether it answers what a server asks: in its session, or by coming again with the answer. */
  readonly asked: boolean;
  connect(target: Target): Promise<RecordingClient>;
}

const reporting = { onprogress: () => {} };
const info = { name: 'equality', version: '1.0.0' };
const capabilities = { sampling: {}, roots: {}, elicitation: { form: {}, url: {} } };

async function connectFirst(target: Target): Promise<RecordingClient> {
  const client = new Client1(info, { capabilities });
  client.setRequestHandler(CreateMessageRequestSchema, () => answers['sampling/createMessage']);
  client.setRequestHandler(ElicitRequestSchema, ({ params }) => answers['elicitation/create'](params));
  client.setRequestHandler(ListRootsRequestSchema, () => answers['roots/list']);
  const transport =
    'url' in target ? new Http1(new URL(target.url)) : new Stdio1({ ...stdio(target), stderr: 'ignore' });
  return connected(client, transport, (params) => client.callTool(params as never, undefined, reporting));
}

const connectSecond = (mode: 'legacy' | 'auto', asked: boolean) => async (target: Target) => {
  const client = new Client2(info, {
    capabilities: asked ? capabilities : {},
    versionNegotiation: { mode },
  });
  if (asked) {
    client.setRequestHandler('sampling/createMessage', () => answers['sampling/createMessage'] as never);
    client.setRequestHandler('elicitation/create', ({ params }) =>
      answers['elicitation/create'](params as Answering),
    );
    client.setRequestHandler('roots/list', () => answers['roots/list']);
  }
  const transport =
    'url' in target ? new Http2(new URL(target.url)) : new Stdio2({ ...stdio(target), stderr: 'ignore' });
  return connected(client, transport, (params) => client.callTool(params as never, reporting));
};

export const generations: readonly Generation[] = [
  { name: 'SDK 1, in a session', era: 'legacy', asked: true, connect: connectFirst },
  { name: 'SDK 2, in a session', era: 'legacy', asked: true, connect: connectSecond('legacy', true) },
  { name: 'SDK 2, stateless', era: 'modern', asked: false, connect: connectSecond('auto', false) },
  {
    name: 'SDK 2, stateless, asked in rounds',
    era: 'modern',
    asked: true,
    connect: connectSecond('auto', true),
  },
];

function stdio({ args, env, ...rest }: Command) {
  return { ...rest, args: [...args], ...(env && { env: { ...env } }) };
}

interface Listening {
  onmessage?: ((message: never, extra?: never) => void) | undefined;
}

async function connected(
  client: { connect(transport: never): Promise<void> },
  transport: Listening,
  callToolWithProgress: RecordingClient['callToolWithProgress'],
): Promise<RecordingClient> {
  await client.connect(transport as never);
  const came: Message[] = [];
  const inner = transport.onmessage;
  transport.onmessage = (message: never, extra?: never) => {
    // Kept as text at once: what the client does with the object afterwards is not what came.
    came.push(JSON.parse(JSON.stringify(message)) as Message);
    inner?.call(transport, message, extra);
  };
  return Object.assign(client, { came, callToolWithProgress }) as unknown as RecordingClient;
}
