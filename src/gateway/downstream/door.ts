import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PluginRequest } from '../../manager/index.js';
import type { Identity } from '../client.js';
import type { JsonObject } from '../rpc.js';

type Headers = Readonly<Record<string, string>>;

/** An HTTP request that may go on. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly identity: Identity;
  /** The headers as plugins left them, in lower case, without credentials and those of the connection. */
  readonly headers: Headers;
  /** The plugins' view of this request, which `http_*` hooks may have used already. */
  plugins(): PluginRequest;
  /** The headers of the reply as plugins leave them, asked before they are sent. Never rejects. */
  readonly leaving?: (status: number, headers: Headers) => Promise<Headers>;
}

/** An HTTP request that ends here, with this reply: a JSON body. */
export interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly headers: Headers;
  readonly body: JsonObject;
}

/** Who comes in. Asked of every request of any method, once Host and Origin have been looked at. */
export interface Entrance {
  /** Decides from the head of a request, before its body is read. Never rejects: what went wrong is a refusal. */
  admit(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<Admitted | Refused>;
}
