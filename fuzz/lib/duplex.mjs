import { Duplex } from 'node:stream';

/** A connection in memory, for Node's HTTP parser: `push` is what comes in, `sent` what it wrote. */
export function memoryConnection() {
  let sent = '';
  const connection = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      sent += chunk.toString('latin1');
      done();
    },
  });
  connection.on('error', () => {});
  return Object.assign(connection, {
    sent: () => sent,
    setTimeout: () => connection,
    setNoDelay: () => connection,
    setKeepAlive: () => connection,
    ref: () => connection,
    unref: () => connection,
  });
}

/** Lets everything happen that is under way in memory. */
export async function settled(turns = 3) {
  for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate);
}

/** Cuts bytes in places that follow from them. */
export function* pieces(bytes, random) {
  for (let from = 0; from < bytes.length; ) {
    const to = from + 1 + random.below(random.chance(0.5) ? 3 : bytes.length);
    yield bytes.subarray(from, to);
    from = to;
  }
}
