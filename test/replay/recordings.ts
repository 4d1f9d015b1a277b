import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A JSON-RPC message, as far as these tests look into it. */
export interface Message {
  readonly id?: string | number;
  readonly method?: string;
  readonly params?: { readonly name?: string; readonly arguments?: Record<string, unknown> };
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** What went over the connection: a request of the client, and the reply of the server. */
export interface Exchange {
  readonly request: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: Message;
  };
  readonly response: {
    readonly status: number;
    readonly headers: Record<string, string>;
    readonly body: string;
  };
}

/** A hook call of the gateway in question, and what it made of the replies. */
export interface Call {
  readonly call: {
    readonly hook: string;
    readonly payload: Record<string, unknown>;
    readonly request: string;
    readonly global?: object;
  };
  readonly answer: Record<string, unknown> & { readonly error?: string };
}

export interface Recording {
  readonly peer: string;
  readonly exchanges: readonly Exchange[];
  readonly calls: readonly Call[];
}

const folder = join(import.meta.dirname, 'recordings');

/** The recordings of one role: the peer as `client` of Sallyport, or as the `server` that it calls. */
export function recordings(role: 'client' | 'server'): Recording[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(`.${role}.jsonl`));
  return files.sort().map((file) => {
    const text = readFileSync(join(folder, file), 'utf8').trim();
    const [{ peer }, ...lines] = text.split('\n').map((line) => JSON.parse(line)) as [
      { peer: string },
      ...(Exchange | Call)[],
    ];
    return {
      peer,
      exchanges: lines.filter((line) => 'response' in line),
      calls: lines.filter((line) => 'call' in line),
    };
  });
}

/** The message of a reply, out of JSON or of an SSE stream. */
export function readMessage(body: string, contentType: string | null | undefined): Message | undefined {
  const json = contentType?.startsWith('text/event-stream')
    ? body
        .split(/\r?\n/)
        .filter((line) => line.startsWith('data:') && line.includes('jsonrpc'))
        .at(-1)
        ?.slice('data:'.length)
    : body;
  return json?.trim().startsWith('{') ? (JSON.parse(json) as Message) : undefined;
}

/** The JSON of a tool reply's text items. */
export function texts(message: Message | undefined): unknown[] {
  const items = (message?.result?.['content'] ?? []) as { text: string }[];
  return items.map(({ text }) => JSON.parse(text));
}
