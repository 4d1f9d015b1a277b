import { cancelReason } from '../cancel.js';
import { AskCancelled, type SallyError, TooManyQuestions } from '../errors.js';
import { plainNumber, writeJson } from '../json/index.js';
import type { JsonObject, RequestId, RpcResponse } from './messages.js';

/** More at a time are not asked: whoever asks is not waiting for responses. */
const maxOpen = 100;

/** What a client was asked and has not responded to yet. */
export class Questions {
  readonly #open = new Map<
    unknown,
    { resolve(response: RpcResponse): void; reject(error: SallyError): void }
  >();
  #last = 0;
  #ended: SallyError | undefined;

  /** Asks by `send`, which gets the message as JSON. Rejects where `signal` is aborted first, or the client goes. */
  ask(
    send: (json: string) => void,
    method: string,
    params: JsonObject | undefined,
    signal: AbortSignal,
  ): Promise<RpcResponse> {
    if (this.#ended) return Promise.reject(this.#ended);
    if (signal.aborted) return Promise.reject(AskCancelled({ method }));
    if (this.#open.size >= maxOpen) return Promise.reject(TooManyQuestions({ method, limit: maxOpen }));
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const done = () => {
        this.#open.delete(id);
        signal.removeEventListener('abort', cancel);
      };
      const cancel = () => {
        done();
        const reason = cancelReason(signal) ?? 'the request that this was for has ended';
        const given = { requestId: id, reason };
        send(writeJson({ jsonrpc: '2.0', method: 'notifications/cancelled', params: given }));
        reject(AskCancelled({ method }));
      };
      this.#open.set(id, {
        resolve(response) {
          done();
          resolve(response);
        },
        reject(error) {
          done();
          reject(error);
        },
      });
      signal.addEventListener('abort', cancel, { once: true });
      send(writeJson({ jsonrpc: '2.0', id, method, ...(params && { params }) }));
    });
  }

  /** Takes a response. One that nobody waits for any more is of no use. */
  resolve(id: RequestId | null, response: RpcResponse): void {
    if (id !== null) this.#open.get(plainNumber(id))?.resolve(response);
  }

  /** The client is gone: no response comes any more. */
  end(reason: SallyError): void {
    this.#ended = reason;
    for (const question of [...this.#open.values()]) question.reject(reason);
  }
}
