declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http';

  interface Token {
    resourceServer: unknown;
    readonly expiration: number;
    readonly tokenType: string;
    save(): Promise<string>;
  }

  /** As much of it as the tests use. */
  export default class Provider {
    constructor(issuer: string, configuration: object);
    callback(): RequestListener;
    use(middleware: (ctx: ReplyContext, next: () => Promise<void>) => Promise<void>): void;
    registerGrantType(
      name: string,
      handler: (ctx: GrantContext) => Promise<void>,
      parameters: readonly string[],
    ): void;
    readonly AccessToken: new (
      values: object,
    ) => Token;
    readonly ResourceServer: new (
      resource: string,
      info: object,
    ) => object;
  }

  interface ReplyContext {
    readonly status: number;
    set(header: string, value: string): void;
  }

  export interface GrantContext {
    body: unknown;
    readonly oidc: {
      readonly client: { readonly clientId: string };
      readonly params: Readonly<Record<string, string | undefined>>;
    };
  }

  export const errors: {
    readonly InvalidGrant: new (message: string) => Error;
    readonly InvalidTarget: new () => Error;
  };
}
