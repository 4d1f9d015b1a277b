import { createDerMutator } from './der.mjs';

/** No input is larger: what costs too much shows long before. */
const maxInputBytes = 65_536;

const oddBytes = [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x3a, 0x5c, 0x7f, 0x80, 0xc3, 0xed, 0xff];
const oddNumbers = ['0', '-1', '1e400', '-0', '9007199254740993', '2147483648', '4294967296', '1.0', '1e-05'];

/** What a value of JSON is replaced with. */
const oddValues = () => [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 53,
  1e308,
  '',
  ' ',
  'a',
  '\u0000',
  '\ud800',
  '\u2028',
  '__proto__',
  'x'.repeat(5_000),
  [],
  {},
  [[]],
  [null],
  { __proto__: null },
  { constructor: 1, toString: 2, hasOwnProperty: 3 },
  JSON.parse('{"__proto__":{"a":1}}'),
];

/** Cuts, repeats, and foreign words: what any format can be given. */
function mutateBytes(random, input, { others, words }) {
  const bytes = Buffer.from(input);
  const at = random.below(bytes.length + 1);
  const length = 1 + random.below(random.chance(0.8) ? 8 : Math.max(1, bytes.length >> 1));
  const before = bytes.subarray(0, at);
  const piece = bytes.subarray(at, at + length);
  const after = bytes.subarray(at + length);
  const steps = [
    () => Buffer.concat([before, Buffer.of(random.pick(oddBytes)), bytes.subarray(at)]),
    () => Buffer.concat([before, Buffer.of(random.below(256)), bytes.subarray(at + 1)]),
    () => Buffer.concat([before, after]),
    () => Buffer.concat([before, piece, piece, after]),
    () => Buffer.concat([before, ...Array(random.pick([4, 64, 1_000])).fill(piece), after]),
    () => before,
    () => Buffer.concat([before, Buffer.from(random.pick(words)), bytes.subarray(at)]),
    () => Buffer.concat([before, Buffer.from(random.pick(words)), after]),
    () =>
      Buffer.from(
        bytes.toString('latin1').replace(/\d+/, () => random.pick(oddNumbers)),
        'latin1',
      ),
    () => {
      const other = random.pick(others);
      return Buffer.concat([before, other.subarray(random.below(other.length + 1))]);
    },
    () => swapLines(random, bytes),
  ];
  return random.pick(steps)();
}

function swapLines(random, bytes) {
  const lines = bytes.toString('latin1').split('\n');
  const [from, to] = [random.below(lines.length), random.below(lines.length)];
  const [line = ''] = lines.splice(from, random.chance(0.5) ? 1 : 0);
  lines.splice(to, 0, line || lines[from] || '');
  return Buffer.from(lines.join('\n'), 'latin1');
}

/** Changes one value of a JSON text, or its place; undefined where it is none. */
function mutateJson(random, input) {
  let root;
  try {
    root = { value: JSON.parse(input.toString('utf8')) };
  } catch {
    return undefined;
  }
  const places = [];
  const walk = (holder, depth) => {
    if (depth > 1_000) return false;
    for (const key of Object.keys(holder)) {
      places.push([holder, key]);
      if (typeof holder[key] !== 'object' || holder[key] === null || places.length >= 5_000) continue;
      if (!walk(holder[key], depth + 1)) return false;
    }
    return true;
  };
  // JSON.stringify would end in the stack, as this would: bytes are changed instead.
  if (!walk(root, 0)) return undefined;
  const [holder, key] = random.pick(places);
  const [other, otherKey] = random.pick(places);
  const steps = [
    () => setOwn(holder, key, random.pick(oddValues())),
    () => setOwn(holder, key, structuredClone(other[otherKey])),
    () => (Array.isArray(holder) ? holder.splice(Number(key), 1) : delete holder[key]),
    () =>
      setOwn(holder, random.pick(['__proto__', 'constructor', 'toString', 'length', otherKey]), holder[key]),
    () => setOwn(holder, key, nested(random, holder[key])),
    () => Array.isArray(holder) && holder.push(structuredClone(other[otherKey])),
  ];
  random.pick(steps)();
  let text;
  try {
    text = JSON.stringify(root.value) ?? 'null';
  } catch {
    // Nested deeper than it can be written: changed as bytes.
    return undefined;
  }
  if (!random.chance(0.1)) return Buffer.from(text);
  // What JSON.stringify does not write: a key twice, numbers in other spellings.
  const twice = text.replace(
    /("[^"]*":)/,
    (name) => `${name}${JSON.stringify(random.pick(oddValues()))},${name}`,
  );
  return Buffer.from(random.chance(0.5) ? twice : text.replace(/\d+/, () => random.pick(oddNumbers)));
}

/** Not by assignment, which means something else for `__proto__`. A list takes no names. */
function setOwn(holder, key, value) {
  if (Array.isArray(holder) && !/^\d+$/.test(key)) return;
  Object.defineProperty(holder, key, { value, configurable: true, enumerable: true, writable: true });
}

function nested(random, value) {
  let result = value;
  for (let depth = random.pick([2, 31, 33, 63, 65, 200]); depth > 0; depth -= 1) {
    result = random.chance(0.5) ? [result] : { a: result };
  }
  return result;
}

/** A maker of inputs for a target: from its seeds, by `format`, a few changes at a time. */
export function createMutator(random, { format, words = ['\r\n', '"', ':'], others }) {
  const der = createDerMutator(random);
  return (seed) => {
    let input = seed;
    for (let changes = 1 + random.below(4); changes > 0; changes -= 1) {
      const structured = random.chance(0.7);
      input =
        (structured && format === 'json' && mutateJson(random, input)) ||
        (structured && format === 'pem' && der(input)) ||
        mutateBytes(random, input, { others, words });
      if (input.length > maxInputBytes) input = input.subarray(0, maxInputBytes);
    }
    return input;
  };
}
