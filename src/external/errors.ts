import {
  CallCancelled,
  ChildGone,
  ChildNotStarted,
  ConnectionLost,
  ConnectionTimeout,
  FileUnreadable,
  findSallyError,
  HttpStatusUnexpected,
  messageOf,
  ReplyIdUnexpected,
  ReplyInvalid,
  ReplyTooLarge,
  type SallyError,
} from '../errors.js';
import { parseJson } from '../json/index.js';
import { isClosed, pageText } from '../mcp/client/http-connections.js';
import type { PeerErrors } from '../mcp/client/session.js';
import { strayText } from '../mcp/requests.js';

/** What goes wrong with a plugin server in the same way over every kind of connection. */
function commonErrors(peer: string) {
  return {
    timeout: (_method, seconds) => ConnectionTimeout({ peer, seconds }),
    cancelled: (tool) => CallCancelled({ plugin: peer, hook: tool }),
    replyId: (tool, seen, id) => ReplyIdUnexpected({ peer, tool, seen, id }),
    unusable(tool, detail, { id, text }) {
      let reason = detail;
      try {
        const value = text === undefined ? {} : parseJson(text);
        if (typeof value !== 'object' || value === null) {
          return ReplyIdUnexpected({ peer, tool, seen: strayText(value), id: id ?? 0 });
        }
      } catch (error) {
        reason = messageOf(error);
      }
      return ReplyInvalid({ peer, tool, reason });
    },
    protocol: (detail) => ReplyInvalid({ peer, tool: 'initialize', reason: detail }),
    json: (refusal) => refusal,
    tooLarge: (limit) => ReplyTooLarge({ peer, limit }),
    busy: (what) => ChildGone({ peer, detail: what }),
  } satisfies Partial<PeerErrors>;
}

/** Over HTTPS, HTTP or HTTP over a Unix domain socket. */
export function httpErrors(peer: string, url: URL): PeerErrors {
  return {
    ...commonErrors(peer),
    lost: (tool) => ReplyInvalid({ peer, tool, reason: 'neither a result nor an error' }),
    status: ({ method, status, text }) =>
      status < 300
        ? ReplyInvalid({
            peer,
            tool: method,
            reason: `HTTP ${status} with ${pageText(text) || 'nothing in it'}`,
          })
        : HttpStatusUnexpected({ peer, path: url.pathname, status, text: pageText(text) }),
    ended: (how) => ConnectionLost({ peer, detail: how }),
    notStarted: (_command, error) => ConnectionLost({ peer, detail: messageOf(error) }),
    explain(error, tool): SallyError {
      const detail = messageOf(error);
      const known = findSallyError(error);
      if (known) return known;
      return isClosed(error)
        ? ConnectionLost({ peer, detail }, error)
        : ReplyInvalid({ peer, tool, reason: detail }, error);
    },
  };
}

/** Of one that is a child process. */
export function stdioErrors(peer: string): PeerErrors {
  const gone = () => ChildGone({ peer, detail: 'Connection closed' });
  return {
    ...commonErrors(peer),
    lost: gone,
    ended: gone,
    status: ({ text }) => ChildGone({ peer, detail: text }),
    notStarted(command, error) {
      const { code } = error as NodeJS.ErrnoException;
      if (FileUnreadable.is(error)) return ChildNotStarted({ peer, command, reason: error.message }, error);
      return code === 'ENOENT' || code === 'EACCES'
        ? ChildNotStarted({ peer, command, reason: code }, error)
        : ChildGone({ peer, detail: messageOf(error) }, error);
    },
    explain: (error) => findSallyError(error) ?? ChildGone({ peer, detail: messageOf(error) }, error),
  };
}
