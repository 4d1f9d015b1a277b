/**
 * Changes a value within a block of a PEM file and writes the lengths around it anew (X.690 section 8.1.3): a change by
 * bytes alone seldom gets further than the first length.
 */
export function createDerMutator(random) {
  return (input) => {
    const text = input.toString('latin1');
    const blocks = [...text.matchAll(/(-----BEGIN ([^\n-]+)-----\n)([A-Za-z0-9+/=\s]+)(-----END \2-----)/g)];
    if (blocks.length === 0) return undefined;
    const block = random.pick(blocks);
    const [whole, begin, , base64, end] = block;
    const tree = readValues(Buffer.from(base64, 'base64'), 0);
    if (tree === undefined) return undefined;
    change(random, tree);
    const lines =
      Buffer.concat(tree.map(writeValue))
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    const changed = `${begin}${lines.join('\n')}\n${end}`;
    return Buffer.from(
      text.slice(0, block.index) + changed + text.slice(block.index + whole.length),
      'latin1',
    );
  };
}

const maxDepth = 16;

/** The values that bytes are made of, constructed ones with those inside; undefined where it is not DER. */
export function readValues(bytes, depth) {
  const values = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at];
    let length = bytes[at + 1];
    let from = at + 2;
    if (length === undefined || (tag & 0x1f) === 0x1f) return undefined;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      if (octets === 0 || octets > 3 || from + octets > bytes.length) return undefined;
      length = bytes.readUIntBE(from, octets);
      from += octets;
    }
    if (from + length > bytes.length) return undefined;
    const content = bytes.subarray(from, from + length);
    // An OCTET STRING often holds further values: those of an extension.
    const inner =
      (tag & 0x20) !== 0 || tag === 0x04 ? depth < maxDepth && readValues(content, depth + 1) : undefined;
    values.push({ tag, content, inner: inner || undefined });
    at = from + length;
  }
  return values;
}

export function writeValue({ tag, content, inner }) {
  const body = inner ? Buffer.concat(inner.map(writeValue)) : content;
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.alloc(3);
  length.writeUIntBE(body.length, 0, 3);
  const octets = length.subarray(body.length < 0x100 ? 2 : body.length < 0x10000 ? 1 : 0);
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length), octets, body]);
}

const oddContents = [
  Buffer.alloc(0),
  Buffer.of(0),
  Buffer.of(0x80),
  Buffer.of(0xff, 0xff, 0xff, 0xff),
  Buffer.from('spiffe://t/gateway'),
  Buffer.from('a, DNS:b'),
  Buffer.from('"quoted", URI:x\\'),
  Buffer.from('nul\0after'),
  Buffer.from('\u00e9\ud83d\ude00'),
  Buffer.alloc(5_000, 0x61),
];
const oddTags = [
  0x01, 0x02, 0x04, 0x05, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1e, 0x30, 0x31, 0x80, 0x82, 0x86, 0xa0, 0xa3,
];

function change(random, tree) {
  const places = [];
  const walk = (list) => {
    for (const [i, value] of list.entries()) {
      places.push([list, i]);
      if (value.inner) walk(value.inner);
    }
  };
  walk(tree);
  if (places.length === 0) return;
  const [list, i] = random.pick(places);
  const [others, j] = random.pick(places);
  const steps = [
    () => list.splice(i, 1),
    () => list.splice(i, 0, list[i]),
    () => list.splice(i, 1, { ...list[i], tag: random.pick(oddTags) }),
    () => list.splice(i, 1, { tag: list[i].tag, content: random.pick(oddContents) }),
    // A copy: a value that held itself would have no end.
    () => list.splice(i, 1, readValues(writeValue(others[j]), 0)?.[0] ?? others[j]),
    () => list.splice(i, 1, { tag: 0x30, inner: [list[i]] }),
    () => {
      const content = Buffer.from(list[i].content);
      if (content.length > 0) content[random.below(content.length)] ^= 1 << random.below(8);
      list.splice(i, 1, { tag: list[i].tag, content });
    },
  ];
  random.pick(steps)();
}
