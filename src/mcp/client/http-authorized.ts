import type { PooledReply } from '../../http/index.js';
import { Call } from './call.js';
import { type HttpConnections, type HttpWay, isRefused } from './http-connections.js';
import { leave } from './http-reply.js';
import type { Authorization } from './session.js';

/** Connections over which each request shows what `authorization` has for it. */
export class AuthorizedConnections implements HttpWay {
  readonly #connections: HttpConnections;
  readonly #authorization: Authorization;
  /** The line that was written last: most requests have the same. */
  #written: { readonly value: string; readonly line: string } | undefined;

  constructor(connections: HttpConnections, authorization: Authorization) {
    this.#connections = connections;
    this.#authorization = authorization;
  }

  headers(own: Readonly<Record<string, string>>): Record<string, string> {
    return this.#connections.headers(own);
  }

  lines(headers: Readonly<Record<string, string>>): string {
    return this.#connections.lines(headers);
  }

  pathOf(...args: Parameters<HttpConnections['pathOf']>): string | undefined {
    return this.#connections.pathOf(...args);
  }

  failure(...args: Parameters<HttpConnections['failure']>) {
    return this.#connections.failure(...args);
  }

  async send(...request: Parameters<HttpConnections['send']>): Promise<PooledReply> {
    const [method, lines, body, signal, repeatable, at] = request;
    const authorization = this.#authorization;
    const asker = signal instanceof Call ? signal.options.from?.identity : undefined;
    const known = authorization.value(signal, asker);
    let value = known instanceof Promise ? await known : known;
    for (let before = 0; ; before += 1) {
      const all = lines + this.#lineOf(value);
      const reply = await this.#connections.send(method, all, body, signal, repeatable, at);
      const { status, headers } = reply.head;
      if (!isRefused(status)) return reply;
      const challenge = headers.get('www-authenticate') ?? '';
      const next = await authorization.refused({ status, value, challenge, before, asker }, signal);
      if (next === undefined) return reply;
      leave(reply);
      value = next;
    }
  }

  #lineOf(value: string | undefined): string {
    if (value === undefined) return '';
    if (this.#written?.value !== value)
      this.#written = { value, line: this.#connections.lines({ authorization: value }) };
    return this.#written.line;
  }
}
