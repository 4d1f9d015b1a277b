import { describe, expect, it } from 'vitest';
import {
  asSallyError,
  CaElsewhere,
  CertAlreadyRevoked,
  CertExpired,
  CertUnknown,
  ConfigInvalid,
  ConfigSyntax,
  ConfigUnknownKey,
  CrlExpired,
  CrlMissing,
  errorDefinitions,
  FileUnreadable,
  findSallyError,
  InternalError,
  KeyMismatch,
  messageOf,
  messageWithCauses,
  placeText,
  SallyError,
} from '../src/errors.js';

const definitions = errorDefinitions();
const made = definitions.map((definition) => [definition.code, definition(definition.example)] as const);

/** A text without the words that its example brought in. */
function ownWords(text: string, example: unknown): string {
  if (typeof example === 'string') return example === '' ? text : text.replaceAll(example, '…');
  if (typeof example !== 'object' || example === null || example instanceof Error) return text;
  return Object.values(example).reduce<string>(ownWords, text);
}

describe('the registry', () => {
  it('has every code once, all of one form', () => {
    const codes = definitions.map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
    expect(codes.length).toBeGreaterThan(60);
    for (const code of codes) expect(code).toMatch(/^SALLY_[A-Z0-9]+(_[A-Z0-9]+)*$/);
  });

  it.each(made)('[G5] %s: message and remedy are whole sentences for people', (_code, error) => {
    for (const text of [error.message, error.remedy]) {
      expect(text.trim()).toBe(text);
      expect(text.length).toBeGreaterThan(10);
      expect(ownWords(text, error.context)).not.toMatch(/undefined|\[object|NaN|Invalid Date|\bnull\b/);
      expect(text).not.toMatch(/\.$/);
    }
  });

  it.each(definitions.map((definition) => [definition.code, definition] as const))(
    '%s: a path with spaces is one word in the commands of its remedy',
    (_code, definition) => {
      const example = Object.entries(definition.example).map(([key, value]) => {
        return [key, typeof value === 'string' && /^[\w.]*\/[\w./-]+$/.test(value) ? 'my dir/a.pem' : value];
      });
      const { remedy } = definition(Object.fromEntries(example));
      expect(remedy).not.toMatch(
        /(chmod|ls|rm|mv|cp|mkdir|openssl|lsof|sallyport|--?[a-zA-Z]\w*) ([^;']* )?my dir/,
      );
    },
  );

  it.each(made)('%s: exit status, JSON-RPC code and HTTP status are of those worlds', (_code, error) => {
    expect([1, 2, 3]).toContain(error.exitStatus);
    expect(error.jsonRpcCode).toBeGreaterThanOrEqual(-32_768);
    expect(error.jsonRpcCode).toBeLessThanOrEqual(-32_000);
    expect(error.httpStatus).toBeGreaterThanOrEqual(400);
    expect(error.httpStatus).toBeLessThan(600);
  });

  it.each(definitions.map((definition) => [definition.code, definition] as const))(
    '%s knows its own and no other',
    (code, definition) => {
      const known = definitions.filter((other) => definition.is(other(other.example)));
      expect(known.map((other) => other.code)).toEqual([code]);
    },
  );
});

describe('an error', () => {
  it('is an Error with code, remedy, context and cause', () => {
    const cause = new TypeError('deep');
    const context = { keyfile: 'a.key', certfile: 'a.crt' };
    const error = KeyMismatch(context, cause);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({
      name: 'SallyError',
      code: 'SALLY_TLS_KEY_MISMATCH',
      message: 'the private key a.key does not belong to the certificate a.crt',
      exitStatus: 3,
      jsonRpcCode: -32_603,
      httpStatus: 500,
      context,
      cause,
    });
    expect(KeyMismatch(context)).not.toHaveProperty('cause');
  });

  it('has times to the second, in UTC', () => {
    const { message } = CertExpired({ path: 'a.crt', notAfter: new Date('2026-01-15T10:31:22.500Z') });
    expect(message).toBe('a.crt expired on 2026-01-15T10:31:22Z');
  });

  it.each([[new TypeError('x')], ['SALLY_INTERNAL'], [null], [undefined], [{ code: 'SALLY_INTERNAL' }]])(
    '%s is none',
    (value) => {
      expect(InternalError.is(value)).toBe(false);
    },
  );
});

describe('a remedy that is a command on certificates', () => {
  const notAfter = new Date();
  const authority = { subject: 'CN=CA', issuer: 'CN=CA', caBundle: 'ca.crt' };
  const expired = (path: string) => CertExpired({ path, notAfter }).remedy;

  it.each([
    ['certs/mcp/gateway/client.crt', 'sallyport certs renew gateway'],
    ['certs/mcp/plugins/P/server.crt', 'sallyport certs renew P'],
    ['/etc/tls/plugins/P/server.crt', 'sallyport certs renew P --dir /etc/tls'],
    ['my certs/gateway/client.crt', "sallyport certs renew gateway --dir 'my certs'"],
    ['gateway/client.crt', 'sallyport certs renew gateway --dir .'],
    ['/gateway/client.crt', 'sallyport certs renew gateway --dir /'],
    ['certs/mcp/ca/ca.crt', 'sallyport certs ca-rotate prepare, then activate and retire'],
    ['/etc/tls/ca/ca.crt', 'sallyport certs ca-rotate prepare --dir /etc/tls, then activate and retire'],
    [
      '/etc/tls/plugins/P/ca.crt',
      'sallyport certs ca-rotate prepare --dir /etc/tls, then activate and retire',
    ],
    ['ca.crt', 'sallyport certs ca-rotate prepare, then activate and retire'],
    ['tls.crt', 'issue tls.crt again with the tool that made it, or: sallyport certs renew --all'],
  ])('names the folder of %s', (path, remedy) => {
    expect(expired(path)).toBe(remedy);
  });

  it.each([
    ['certs/mcp/gateway/ca.crl', /sallyport certs crl makes/],
    ['/etc/tls/gateway/ca.crl', /sallyport certs crl --dir \/etc\/tls makes/],
    ['/etc/tls/ca.crl', /sallyport certs crl makes/],
  ])('names the folder of the revocation list %s', (path, remedy) => {
    expect(CrlExpired({ path, ...authority, nextUpdate: notAfter }).remedy).toMatch(remedy);
    expect(CrlMissing({ path, ...authority }).remedy).toMatch(remedy);
  });

  it('names the folder that the command was given', () => {
    const dir = '/etc/tls';
    const made = [
      CaElsewhere({ dir, path: '/etc/tls/ca/ca.crt' }),
      CertUnknown({ name: 'P', dir, known: [] }),
      CertAlreadyRevoked({ name: 'P', dir, serial: '5F3A', since: notAfter }),
    ];
    for (const { remedy } of made) expect(remedy).toMatch(/sallyport certs .*--dir \/etc\/tls$/);
  });
});

describe('a list of problems', () => {
  const problem = (line: number) =>
    ConfigUnknownKey({
      at: { file: 'p.yaml', line, column: 3 },
      key: 'a',
      within: 'plugins[0]',
      known: ['name'],
    });

  it('names each place, what is wrong there, and what to do', () => {
    const { message } = ConfigInvalid({ path: 'p.yaml', problems: [problem(4)] });
    expect(message).toBe(
      "p.yaml: 1 problem in the configuration\n  p.yaml:4:3  unknown key 'a' in plugins[0]\n    remove it; known here: name  [SALLY_CONFIG_UNKNOWN_KEY]",
    );
  });

  it('shows fifty of them, and counts the rest', () => {
    const { message } = ConfigInvalid({
      path: 'p.yaml',
      problems: Array.from({ length: 60 }, (_, i) => problem(i + 1)),
    });
    expect(message).toContain('p.yaml: 60 problems');
    expect(message).toContain('p.yaml:50:3');
    expect(message).not.toContain('p.yaml:51:3');
    expect(message).toMatch(/… and 10 more$/);
  });

  it('a place is a variable, or a line and column of a file', () => {
    expect(placeText({ variable: 'LOG_LEVEL' })).toBe('LOG_LEVEL');
    expect(placeText({ file: 'p.yaml', line: 1, column: 2 })).toBe('p.yaml:1:2');
  });
});

describe('an error of the registry among causes', () => {
  const known = KeyMismatch(KeyMismatch.example);
  const wrapped = (times: number): Error =>
    Array.from({ length: times }).reduce<Error>((cause) => new TypeError('wrapped', { cause }), known);

  it('is found, however it is wrapped', () => {
    for (const times of [0, 1, 7]) expect(findSallyError(wrapped(times))).toBe(known);
  });

  it('is the outermost of several', () => {
    const outer = InternalError({ detail: 'outer' }, known);
    expect(findSallyError(new TypeError('wrapped', { cause: outer }))).toBe(outer);
  });

  it('is not there in anything else', () => {
    for (const value of [undefined, null, 'text', { cause: known }, new TypeError('x', { cause: 'text' })]) {
      expect(findSallyError(value)).toBeUndefined();
    }
  });

  it('is looked for in a circle of causes with an end', () => {
    const circle = new TypeError('a');
    circle.cause = new TypeError('b', { cause: circle });
    expect(findSallyError(circle)).toBeUndefined();
  });
});

it.each<[unknown, string]>([
  [new TypeError('words'), 'words'],
  [new SallyError('ours', { ...InternalError(InternalError.example) }), 'ours'],
  ['text', 'text'],
  [7, '7'],
  [undefined, 'undefined'],
  [null, 'null'],
  [Symbol('s'), 'Symbol(s)'],
])('the message of %s', (thrown, message) => {
  expect(messageOf(thrown)).toBe(message);
});

describe('what anything thrown is', () => {
  it('a limit of the system is no defect, and says which', () => {
    const error = asSallyError(
      Object.assign(new Error('EMFILE: too many open files, open x'), { code: 'EMFILE' }),
    );
    expect(error.code).toBe('SALLY_SYSTEM_LIMIT');
    expect(error.message).toContain('open x');
    expect(error.remedy).toContain('ulimit -n');
    expect(asSallyError(new TypeError('x')).code).toBe('SALLY_INTERNAL');
    expect(asSallyError(undefined).code).toBe('SALLY_INTERNAL');
    expect(asSallyError(new Error('y', { cause: error }))).toBe(error);
  });

  it('keeps what caused it', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:9'), { code: 'ECONNREFUSED' });
    const fetchFailed = new TypeError('fetch failed', { cause: refused });
    expect(messageWithCauses(fetchFailed)).toBe('fetch failed: connect ECONNREFUSED 127.0.0.1:9');
    const several = new TypeError('fetch failed', { cause: new AggregateError([refused], '') });
    expect(messageWithCauses(several)).toBe('fetch failed: connect ECONNREFUSED 127.0.0.1:9');
    const round = new Error('round');
    round.cause = round;
    expect(messageWithCauses(round)).toBe('round');
    expect(messageWithCauses('text')).toBe('text');
    expect(messageWithCauses(null)).toBe('null');
  });
});

it('a chain in the other order is not told as a wrong key', () => {
  const { message, remedy } = KeyMismatch({ keyfile: 'a.key', certfile: 'a.crt', number: 2 });
  expect(message).toBe(
    'the private key a.key belongs to certificate 2 of a.crt: the first has to be its own',
  );
  expect(remedy).toContain('the order is wrong');
});

it('a second document and a link in a circle are told what mends them', () => {
  const at = { file: 'a.yaml', line: 9, column: 1 };
  const detail = 'a second document begins here (a line of ---): the file has to be one';
  expect(ConfigSyntax({ at, detail }).remedy).toContain('remove the line of ---');
  const path = 'certs/mcp/gateway/ca.crt';
  const { remedy } = FileUnreadable({ path, what: 'the CA bundle', reason: 'too many symbolic links' });
  expect(remedy).toBe(`rm ${path} && sallyport certs gateway`);
});
