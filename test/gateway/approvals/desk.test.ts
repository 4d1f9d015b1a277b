import { expect, it } from 'vitest';
import { ApprovalDesk, type Brought, type Said } from '../../../src/gateway/approvals/desk.js';
import { remoteDesk, serveDesk } from '../../../src/gateway/approvals/remote.js';

function brought(
  id: string,
  more: { key?: string; principal?: string; user?: string } & Partial<Brought> = {},
): Brought {
  const { key = 'same', principal = 'p', user = 'ada', ...rest } = more;
  const question = {
    id,
    key,
    principal,
    askedAt: '',
    answerBy: '',
    user,
    tenant: null,
    client: 'c',
    method: 'tools/call',
    what: 'tool',
    name: 'echo',
    upstream: 'one',
    stage: 'call',
    wants: [],
    args: { text: '{}', left: 0 },
  } as const;
  return { question, rememberMs: 1000, limits: { total: 3, perPrincipal: 2 }, allowSelf: false, ...rest };
}

function opened() {
  let now = 0;
  const desk = new ApprovalDesk(() => now);
  const heard: Record<string, Said[]> = {};
  const bring = (...args: Parameters<typeof brought>) => {
    const list: Said[] = [];
    heard[args[0]] = list;
    desk.bring(brought(...args), (said) => list.push(said));
  };
  return {
    desk,
    heard,
    bring,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

const approved = { outcome: 'approved', way: 'elicitation', who: 'ada' } as const;
const grace = { user: 'grace', tenant: null };

it('asks once for the same call, and tells all that wait for it', () => {
  const { desk, heard, bring } = opened();
  bring('a');
  bring('b');
  desk.settle('a', approved);
  expect(heard).toEqual({ a: ['ask', approved], b: [approved] });
});

it('remembers an answer for as long as it is to', () => {
  const { desk, heard, bring, pass } = opened();
  bring('a');
  desk.settle('a', approved);
  pass(999);
  bring('b');
  expect(heard['b']).toEqual([{ ...approved, remembered: true }]);
  pass(1);
  bring('c');
  expect(heard['c']).toEqual(['ask']);
});

it('remembers nothing where nobody could answer', () => {
  const { desk, heard, bring } = opened();
  for (const [id, outcome] of [
    ['a', 'nobody'],
    ['b', 'withdrawn'],
    ['c', 'stopped'],
  ] as const) {
    bring(id);
    desk.settle(id, { outcome });
    expect(heard[id]).toEqual(['ask', { outcome }]);
  }
});

it('lets the next one ask where the first gives up, and ends a call that waits alone', () => {
  const { desk, heard, bring } = opened();
  bring('a');
  bring('b', { principal: 'q' });
  bring('c');
  desk.settle('c', { outcome: 'timeout' });
  desk.settle('a', { outcome: 'withdrawn' });
  desk.settle('b', approved);
  expect(heard).toEqual({
    a: ['ask', { outcome: 'withdrawn' }],
    b: ['ask', approved],
    c: [{ outcome: 'timeout' }],
  });
});

it('has no room for more than it may, of one or of all', () => {
  const { heard, bring } = opened();
  bring('a', { key: '1' });
  bring('b', { key: '1' });
  bring('c', { key: '2' });
  expect(heard['c']).toEqual([{ outcome: 'full', reason: 'user' }]);
  bring('d', { key: '3', principal: 'q' });
  bring('e', { key: '4', principal: 'r' });
  expect(heard['e']).toEqual([{ outcome: 'full', reason: 'all' }]);
});

it('is answered on the page where it is shown there, and never by whose call it is', () => {
  const { desk, heard, bring } = opened();
  bring('a');
  expect(desk.answer('a', { approve: true, who: 'grace', user: grace })).toBe('gone');
  desk.show('a');
  expect(desk.waiting.map(({ id, waiting }) => [id, waiting])).toEqual([['a', 1]]);
  expect(desk.answer('a', { approve: true, who: 'ada', user: { user: 'ada', tenant: null } })).toBe('self');
  expect(desk.answer('a', { approve: false, who: 'grace', user: grace })).toBe('done');
  expect(heard['a']).toEqual(['ask', { outcome: 'refused', way: 'page', who: 'grace' }]);
  expect(desk.answer('a', { approve: true, who: 'grace', user: grace })).toBe('gone');
  bring('b', { key: 'other', allowSelf: true });
  desk.show('b');
  expect(desk.answer('b', { approve: true, who: 'ada', user: { user: 'ada', tenant: null } })).toBe('done');
});

it('is one for several workers, and forgets one that has ended', () => {
  const desk = new ApprovalDesk(() => 0);
  const listeners = new Map<number, (value: unknown) => void>();
  const served = serveDesk(desk, (worker, value) => listeners.get(worker)?.(value));
  const worker = (number: number) =>
    remoteDesk(
      (value) => served.told(number, JSON.parse(JSON.stringify(value))),
      (listener) => listeners.set(number, listener),
    );
  const [one, two] = [worker(1), worker(2)];
  const heard: [string, Said][] = [];
  one.bring(brought('a'), (said) => heard.push(['a', said]));
  two.bring(brought('b'), (said) => heard.push(['b', said]));
  served.gone(1);
  two.show('b');
  expect(desk.answer('b', { approve: true, who: 'grace', user: grace })).toBe('done');
  two.bring(brought('c'), (said) => heard.push(['c', said]));
  const verdict = { outcome: 'approved', way: 'page', who: 'grace' } as const;
  expect(heard.filter(([id]) => id !== 'a')).toEqual([
    ['b', 'ask'],
    ['b', verdict],
    ['c', { ...verdict, remembered: true }],
  ]);
  expect(served.told(1, { share: {} })).toBe(false);
});
