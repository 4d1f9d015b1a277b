import fc from 'fast-check';

class Point {
  readonly x = 1;
  readonly #hidden = 2;
  get computed() {
    return this.#hidden;
  }
}

class Money {
  toJSON(key: string) {
    return { money: key };
  }
}

/** Values that JSON has something of its own for. */
const odd = fc.constantFrom<() => unknown>(
  () => new Date(0),
  () => new Date(Number.NaN),
  () => new Point(),
  () => new Money(),
  () => Buffer.from('text'),
  () => new Uint8Array([1, 2]),
  () => new Map([['a', 1]]),
  () => new Set([1]),
  () => new URL('https://example.com/'),
  () => new TypeError('boom'),
  () => /x/,
  () => Symbol('s'),
  () => () => 1,
  () => Object(1),
  () => Object('text'),
  () => -0,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => '\ud800',
  () => JSON.parse('{"__proto__":{"polluted":true}}') as unknown,
  () => Object.assign(Object.create(null), { bare: true }) as unknown,
  () => ({
    get now() {
      return new Date(0);
    },
  }),
  () => ({ toJSON: () => undefined }),
  () => Object.assign([1, 2], { toJSON: () => 'a list' }),
  () => new (class extends Array {})(2),
  () => new Proxy({ a: 1 }, {}),
  () => Promise.resolve(1),
);

/** Any value at all, with those that JSON changes, drops or refuses anywhere in it. */
export const anything: fc.Arbitrary<unknown> = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    odd.map((make) => make()),
    fc.anything({
      maxDepth: 2,
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withObjectString: true,
      withSparseArray: true,
      withTypedArray: true,
    }),
    fc.dictionary(fc.string(), tie('tree'), { maxKeys: 4 }),
    fc.array(tie('tree'), { maxLength: 4 }),
  ),
})).tree;

/** Values that nothing can write as JSON, and what is said of them. */
export const refused: [string, () => unknown, RegExp][] = [
  [
    'a circle',
    () => {
      const circle: Record<string, unknown> = {};
      circle['self'] = [circle];
      return circle;
    },
    /^Converting circular structure to JSON$/,
  ],
  ['a BigInt', () => 1n, /BigInt/],
  [
    'a getter that throws',
    () => ({
      get secret() {
        throw new RangeError('no');
      },
    }),
    /^no$/,
  ],
  [
    'a toJSON that throws nothing with a text',
    () => ({
      toJSON() {
        throw Object.create(null);
      },
    }),
    /^something without a text$/,
  ],
  [
    'a proxy that is over',
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return proxy;
    },
    /revoked/,
  ],
  [
    'ten thousand levels',
    () => {
      let value: unknown = 1;
      for (let i = 0; i < 10_000; i += 1) value = { value };
      return value;
    },
    /nested deeper than 72 levels/,
  ],
  [
    'more keys than an object may have',
    () => Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`k${i}`, i])),
    /10,?000 keys/,
  ],
];
