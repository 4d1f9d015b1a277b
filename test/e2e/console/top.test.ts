import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commandPath, sallyport } from '../../support/command.js';
import { startWatched } from '../../support/console.js';
import { everything } from '../../support/gateway-run.js';
import { judgedBy } from '../../support/judges.js';

const gateway = { upstreams: { everything } };

/** `sallyport top` in a terminal of its own, 70 columns wide and 16 lines high. */
function inTerminal(runtime: string) {
  const line = `stty cols 70 rows 16; exec '${process.execPath}' '${commandPath}' top`;
  const child = spawn('script', ['-qefc', line, '/dev/null'], {
    env: { ...process.env, XDG_RUNTIME_DIR: runtime, TERM: 'xterm', SHELL: '/bin/sh' },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.on('error', () => {});
  let text = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    for (const look of [...waiting]) look();
  });
  return {
    child,
    type: (keys: string) => child.stdin.write(keys),
    /** What was written from the last screen on that has it. */
    shown: (wanted: RegExp) =>
      new Promise<string>((resolve) => {
        const look = () => {
          const last = text.slice(text.lastIndexOf('\u001b[H'));
          if (!wanted.test(last)) return;
          waiting.delete(look);
          resolve(last);
        };
        waiting.add(look);
        look();
      }),
    all: () => text,
  };
}

describe('sallyport top', () => {
  it('prints one picture where the output is no terminal, and the facts as JSON', {
    timeout: 60_000,
  }, async () => {
    const { runtime, url } = await startWatched({ gateway });
    const env = { XDG_RUNTIME_DIR: runtime };
    const [text, json] = [await sallyport(['top'], { env }), await sallyport(['top', '--json'], { env })];
    expect(text).toMatchObject({ status: 0, stderr: '' });
    expect(text.stdout).toMatch(/up +everything +stdio/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: no colours, no cursor
    expect(text.stdout).not.toMatch(/\u001b/);
    expect(JSON.parse(json.stdout)).toMatchObject({ address: url, upstreams: [{ name: 'everything' }] });
  });

  it('takes a link, which then has served', { timeout: 60_000 }, async () => {
    const { link } = await startWatched({ gateway });
    expect((await sallyport(['top', '--once', link])).stdout).toMatch(/up +everything/);
    const again = await sallyport(['top', '--once', link]);
    expect(again).toMatchObject({ status: 3, stderr: expect.stringContaining('SALLY_CONSOLE_REFUSED') });
  });

  it('says what to do where no gateway has a page', async () => {
    const { status, stderr } = await sallyport(['top'], { env: { XDG_RUNTIME_DIR: '/nonexistent' } });
    expect(status).toBe(2);
    expect(stderr).toContain('SALLY_CONSOLE_ABSENT');
    expect(stderr).toContain('sallyport gateway --console');
  });

  judgedBy('script')(
    'fills a terminal, goes by keys, shows what comes, and leaves it as it was',
    { timeout: 90_000 },
    async () => {
      const { runtime, url } = await startWatched({ gateway });
      const { child, type, shown, all } = inTerminal(runtime);
      const first = await shown(/\[1 decisions/);
      expect(first.split('\r\n')).toHaveLength(16);
      type('\t');
      await shown(/\[2 upstreams 1\][\s\S]*everything/);
      type('1');
      await shown(/\[1 decisions/);
      await fetch(url, { method: 'POST', headers: { Origin: 'https://elsewhere.example' }, body: '{}' });
      await shown(/refused[\s\S]*the gateway/);
      type('/nothing like it\r');
      await shown(/filter: nothing like it/);
      const ended = once(child, 'close');
      type('q');
      expect((await ended)[0]).toBe(0);
      expect(all().endsWith('\u001b[?1049l')).toBe(true);
    },
  );
});
