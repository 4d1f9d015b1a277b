import { AskCancelled, type SallyError, TooManyQuestions } from '../../errors.js';
import { plainNumber, writeJson } from '../../json/index.js';
import type { Answer, JsonObject, RequestId } from '../../mcp/messages.js';

/** What a client has been asked and has not answered yet. */
export interface Questions {
  /** Asks by `send`, which gets the message as JSON. Rejects where `signal` is aborted first, or the client goes. */
  ask(
    send: (json: string) => void,
    method: string,
    params: JsonObject | undefined,
    signal: AbortSignal,
  ): Promise<Answer>;
  /** Takes an answer. One that nobody waits for any more is of no use. */
  answered(id: RequestId | null, answer: Answer): void;
  /** The client is gone: nothing is answered any more. */
  end(reason: SallyError): void;
}

/** More at a time are not asked: whoever asks is not waiting for answers. */
const maxOpen = 100;

export function createQuestions(): Questions {
  const open = new Map<unknown, { resolve(answer: Answer): void; reject(error: SallyError): void }>();
  let last = 0;
  let ended: SallyError | undefined;
  return {
    ask(send, method, params, signal) {
      if (ended) return Promise.reject(ended);
      if (signal.aborted) return Promise.reject(AskCancelled({ method }));
      if (open.size >= maxOpen) return Promise.reject(TooManyQuestions({ method, limit: maxOpen }));
      last += 1;
      const id = last;
      return new Promise((resolve, reject) => {
        const done = () => {
          open.delete(id);
          signal.removeEventListener('abort', cancel);
        };
        const cancel = () => {
          done();
          const given = { requestId: id, reason: 'the request that this was for has ended' };
          send(writeJson({ jsonrpc: '2.0', method: 'notifications/cancelled', params: given }));
          reject(AskCancelled({ method }));
        };
        open.set(id, {
          resolve: (answer) => {
            done();
            resolve(answer);
          },
          reject: (error) => {
            done();
            reject(error);
          },
        });
        signal.addEventListener('abort', cancel, { once: true });
        send(writeJson({ jsonrpc: '2.0', id, method, ...(params && { params }) }));
      });
    },
    answered(id, answer) {
      if (id !== null) open.get(plainNumber(id))?.resolve(answer);
    },
    end(reason) {
      ended = reason;
      for (const question of [...open.values()]) question.reject(reason);
    },
  };
}
