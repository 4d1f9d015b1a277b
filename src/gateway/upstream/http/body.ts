import { type SallyError, UpstreamReplyTooLarge } from '../../../errors.js';
import type { PooledReply } from '../../../http/index.js';
import type { UpstreamContext } from '../options.js';

/** The body of a reply: there as a whole, or under way. */
export interface ReplyBody {
  /** All of it. Rejects where it broke or is too large. */
  text(): Promise<string>;
  /** Hands it over as it comes. Resolves at its end, however that came; rejects where it broke. */
  read(take: (text: string) => void): Promise<void>;
  /** Nobody wants the rest of it: the connection is kept where it ends soon. */
  dump(): void;
  /** Ends it, and the connection with it. `error` is what its reader is told. */
  destroy(error?: SallyError): void;
}

export function bodyOf(reply: PooledReply, context: Pick<UpstreamContext, 'upstream' | 'limits'>): ReplyBody {
  return reply.kind === 'whole' ? wholeBody(reply) : streamBody(reply, context);
}

function wholeBody({ text, connection }: PooledReply & { kind: 'whole' }): ReplyBody {
  const destroy = () => connection.retire();
  return { text: async () => text, read: async (take) => take(text), dump() {}, destroy };
}

function streamBody(
  { stream, connection }: PooledReply & { kind: 'stream' },
  { upstream, limits }: Pick<UpstreamContext, 'upstream' | 'limits'>,
): ReplyBody {
  return {
    async text() {
      const parts: string[] = [];
      let length = 0;
      await stream.read((part) => {
        length += part.length;
        if (length > limits.messageBytes)
          throw UpstreamReplyTooLarge({ upstream, limit: limits.messageBytes });
        parts.push(part);
      });
      return parts.join('');
    },
    read: (take) => stream.read(take),
    dump: () => stream.leave(),
    destroy(error) {
      stream.destroy(error);
      // It may have ended, and carry the next call.
      connection.retire();
    },
  };
}
