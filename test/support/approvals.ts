import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from '@modelcontextprotocol/client';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { onTestFinished } from 'vitest';
import { legacyClient } from './gateway-run.js';

/** What the user of a client answers. */
export interface Answer {
  readonly action: 'accept' | 'decline' | 'cancel';
  readonly content?: Record<string, boolean>;
}
export const yes: Answer = { action: 'accept', content: { approve: true } };
export const no: Answer = { action: 'decline' };

/** A client of the SDK that asks its user, who answers with `answers` one after another; the messages that the user has seen. */
export interface AskedClient {
  readonly client: Pick<Client, 'callTool' | 'getPrompt'>;
  readonly messages: string[];
}

type Give = (message: string, signal: AbortSignal) => Answer | Promise<Answer>;

export async function askedClient(
  era: 'legacy' | 'modern',
  url: string,
  give: Give,
  { token }: { readonly token?: string } = {},
): Promise<AskedClient> {
  const messages: string[] = [];
  const capabilities = { elicitation: { form: {} } };
  const answer = (message: string, signal: AbortSignal) => {
    messages.push(message);
    return give(message, signal);
  };
  if (era === 'legacy') {
    const client = new Client({ name: 'asks', version: '1.0.0' }, { capabilities });
    client.setRequestHandler(ElicitRequestSchema, async ({ params }, { signal }) => ({
      ...(await answer(params.message, signal)),
    }));
    await legacyClient(url, { client, ...(token !== undefined && { token }) });
    return { client, messages };
  }
  const client = new ModernClient(
    { name: 'asks', version: '1.0.0' },
    { capabilities, versionNegotiation: { mode: 'auto' } },
  );
  client.setRequestHandler('elicitation/create', async ({ params }) => ({
    ...(await answer(params.message, new AbortController().signal)),
  }));
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  await client.connect(new ModernTransport(new URL(url), { requestInit: { headers } }));
  onTestFinished(() => client.close().catch(() => {}));
  return { client: client as unknown as AskedClient['client'], messages };
}

/** What a call came to: the text of its result, or the code of its error. */
export async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    const { content } = (await call) as { content: { text?: string }[] };
    return content[0]?.text ?? '';
  } catch (error) {
    const { data, message } = error as { data?: { code?: string }; message: string };
    return data?.code ?? message;
  }
}
