import { expect, it } from 'vitest';
import { stringify } from 'yaml';
import { claimsIn } from '../../src/config/client-headers.js';
import { invalid, parse } from './helpers.js';

const url = 'https://search.example/mcp';
const file = (upstream: object) => stringify({ gateway: { upstreams: { a: upstream } } });
const settingsOf = (headers: object, more: object = {}) => {
  const [upstream] = parse(file({ url, headers, ...more })).gateway?.upstreams ?? [];
  if (upstream?.transport !== 'http') throw new Error('no upstream over HTTP');
  return upstream;
};
const problemsOf = (upstream: object): string => {
  const { problems } = invalid(file(upstream)).context as { problems: Error[] };
  return problems.map(({ message }) => message).join('\n');
};

it('keeps a map of fixed headers as it was, also of one that is called like a rule', () => {
  const { headers, client } = settingsOf({ 'X-Team': 'a', pass: 'word', from_client: 'x' });
  expect(headers).toEqual({ 'x-team': 'a', pass: 'word', from_client: 'x' });
  expect(client).toBeUndefined();
});

it('reads what of a client goes to an upstream, beside fixed headers', () => {
  const { headers, client } = settingsOf({
    'X-Team': 'a',
    pass: ['X-Request-Id', 'x-lang'],
    pass_credentials: ['X-Api-Key'],
    from_client: {
      'X-User': '{{ user }}',
      'X-Who':
        '{{tenant | default("none")}}/{{ claims.dept }}/{{ claims["http://a/b"] }} at {{ client_host }}',
    },
  });
  expect(headers).toEqual({ 'x-team': 'a' });
  expect(client).toEqual({
    pass: ['x-request-id', 'x-lang'],
    passCredentials: ['x-api-key'],
    fromClient: {
      'x-user': [{ name: 'user' }],
      'x-who': [
        { name: 'tenant', otherwise: 'none' },
        '/',
        { name: 'claims', claim: 'dept' },
        '/',
        { name: 'claims', claim: 'http://a/b' },
        ' at ',
        { name: 'client_host' },
      ],
    },
  });
  expect(claimsIn([settingsOf({ from_client: { 'X-D': '{{ claims.dept }}{{ claims.dept }}' } })])).toEqual([
    'dept',
  ]);
});

it.each(['authorization', 'Cookie', 'proxy-authorization', 'X-Api-Key', 'x-auth-token', 'x-client-secret'])(
  'refuses to pass %s unless it is said in so many words',
  (name) => {
    expect(problemsOf({ url, headers: { pass: [name] } })).toContain('is that of a credential');
    expect(problemsOf({ url, headers: { from_client: { [name]: '{{ user }}' } } })).toContain(
      'is that of a credential',
    );
    expect(settingsOf({ pass_credentials: [name] }).client?.passCredentials).toEqual([name.toLowerCase()]);
  },
);

it.each([
  'host',
  'content-length',
  'Transfer-Encoding',
  'accept',
  'content-type',
  'mcp-session-id',
  'bad name',
  '',
])('refuses to pass %j, which is made here', (name) => {
  for (const rule of ['pass', 'pass_credentials'])
    expect(problemsOf({ url, headers: { [rule]: [name] } })).toContain(`gateway.upstreams.a.headers.${rule}`);
  expect(problemsOf({ url, headers: { from_client: { [name]: 'x' } } })).toContain('from_client');
});

it.each([
  ['{{ nobody }}', 'client_host or claims.NAME'],
  ['{{ claims }}', 'claims.NAME'],
  ['{{ user.name }}', 'claims.NAME'],
  ['{{ user', 'claims.NAME'],
  ['{{ env.HOME }}', 'claims.NAME'],
  ['{{ user | upper }}', 'claims.NAME'],
  ['a\nb', 'control characters'],
])('refuses %j as what a header is made of', (value, text) => {
  expect(problemsOf({ url, headers: { from_client: { 'X-User': value } } })).toContain(text);
});

it('refuses a header twice, one for a child process, and one that says who it is over a session of all', () => {
  expect(problemsOf({ url, headers: { 'X-A': 'b', pass: ['x-a'] } })).toContain('already');
  expect(problemsOf({ url, headers: { pass: ['x-a'], from_client: { 'X-A': 'b' } } })).toContain('already');
  expect(problemsOf({ command: 'x', headers: { pass: ['x-a'] } })).toContain('headers is for url');
  expect(problemsOf({ url, share: 'all', headers: { from_client: { 'X-A': '{{ user }}' } } })).toContain(
    'share is all',
  );
  expect(problemsOf({ url, headers: { pass: { a: 'b' } } })).toContain('pass');
});
