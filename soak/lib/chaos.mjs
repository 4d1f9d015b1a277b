import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const paces = ['as it comes', 'cut', 'byte by byte', 'together', 'late'];
const endings = [
  ...Array(5).fill('none'),
  ...Array(4).fill('reset'),
  'half-closed',
  'half-closed',
  'stalled',
];
/** A stalled connection ends after so long, in milliseconds: longer than every deadline that is set here. */
const stallMs = 3_000;
const bytesByThemselves = 100;

/**
 * A proxy of bytes before a port that does to each connection what networks do: how its bytes come, and where and how it
 * ends, in which direction. Until `begin()` all go through unharmed.
 */
export async function startChaos(target, random) {
  const seen = {};
  const count = (what) => {
    seen[what] = (seen[what] ?? 0) + 1;
  };
  let calm = true;
  let cut = 0;
  const open = new Set();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const plan = {
      pace: calm ? 'as it comes' : random.pick(paces),
      ending: calm ? 'none' : random.pick(endings),
      up: random.chance(0.5),
      // As often in the first bytes as after some calls.
      after: Math.floor(Math.exp(random.below(1_000) / 80)),
    };
    open.add(client);
    client.once('close', () => open.delete(client));
    count(plan.pace);
    count(plan.ending);
    const remote = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    const both = [client, remote];
    const drop = () => {
      for (const socket of both) socket.destroy();
    };
    for (const socket of both) socket.on('error', drop);
    client.on('close', () => remote.destroy());
    remote.on('close', () => client.destroy());
    void pass(client, remote, plan.up ? plan : { ...plan, ending: 'none' });
    void pass(remote, client, plan.up ? { ...plan, ending: 'none' } : plan);
  });

  async function pass(from, to, { pace, ending, after }) {
    const write = (bytes) => to.writable && to.write(bytes);
    const end = async () => {
      if (ending === 'reset') {
        from.resetAndDestroy();
        to.resetAndDestroy();
      } else if (ending === 'half-closed') {
        to.end();
      } else {
        from.pause();
        await sleep(stallMs);
        from.destroy();
        to.destroy();
      }
    };
    let passed = 0;
    try {
      for await (const chunk of from) {
        const broken = ending !== 'none' && passed + chunk.length >= after;
        const bytes = broken ? chunk.subarray(0, Math.max(after - passed, 0)) : chunk;
        passed += chunk.length;
        await paced(pace, bytes, write);
        if (!broken) continue;
        await end();
        return;
      }
      to.end();
    } catch {
      to.destroy();
    }
  }

  async function paced(pace, bytes, write) {
    if (pace === 'late') await sleep(random.below(30));
    if (pace === 'together') await sleep(3);
    if (pace === 'byte by byte') {
      // Not all of it: each byte costs a system call on either side.
      const most = Math.min(bytes.length, bytesByThemselves);
      for (let at = 0; at < most; at += 1) write(bytes.subarray(at, at + 1));
      write(bytes.subarray(most));
    } else if (pace === 'cut' && bytes.length > 1) {
      // At each boundary in turn.
      cut += 1;
      const at = 1 + (cut % (bytes.length - 1));
      write(bytes.subarray(0, at));
      await sleep(1);
      write(bytes.subarray(at));
    } else {
      write(bytes);
    }
  }

  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: server.address().port,
    seen,
    begin() {
      calm = false;
      for (const socket of open) socket.resetAndDestroy();
    },
    close: () => server.close(),
  };
}
