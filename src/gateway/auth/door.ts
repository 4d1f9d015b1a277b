import type { Cancellation } from '../../cancel.js';
import type { GlobalContext } from '../../hooks/index.js';
import type { Reply, RequestHead } from '../../http/index.js';
import type { PluginRequest } from '../../manager/index.js';
import type { JsonObject } from '../../mcp/messages.js';
import type { Identity } from '../client.js';
import type { Credential } from './credential.js';

/** An HTTP request that may go on. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly identity: Identity;
  /** What let it in; absent where a plugin knows the client: when that ends, nobody here can say. */
  readonly credential?: Credential | undefined;
  /** The headers as plugins left them, in lower case, without credentials and those of the connection. */
  readonly headers: Readonly<Record<string, string>>;
  /** The plugins' view of this request, which `http_*` hooks may have used already. */
  plugins(): PluginRequest;
  /**
   * The headers of the reply as `http_post_request` leaves them, asked before they are sent. Absent where no plugin
   * listens. Never rejects.
   */
  readonly leaving?: (
    status: number,
    headers: Readonly<Record<string, string>>,
  ) => Promise<Readonly<Record<string, string>>>;
}

/** An HTTP request that ends here, with this reply: a JSON body. */
export interface Refused {
  readonly kind: 'refused';
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: JsonObject;
}

/** Who comes in. Asked of every request to `/mcp`, of any method, once Host and Origin have been looked at. */
export interface Door {
  /** Decides from the head of a request, before its body is read. Never rejects: what went wrong is a refusal. */
  admit(request: RequestHead, response: Reply, signal: Cancellation): Promise<Admitted | Refused>;
}

/**
 * Who was let in by another worker of the same gateway, and by what: it is judged again where what it opens is kept.
 * Plugins never see it.
 */
export interface HandedOn extends Pick<Admitted, 'identity' | 'headers'> {
  readonly credential?: Pick<Credential, 'shown' | 'until'> | undefined;
  /** What plugins share of the request so far. */
  readonly global: GlobalContext;
}

/** Takes over one that was let in elsewhere. What plugins say of the reply's headers is asked there. */
export type Readmit = (handed: HandedOn, response: Reply) => Admitted;
