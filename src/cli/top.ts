import { Command } from 'commander';
import type { ConsoleClient, ConsoleState, Decision, View } from '../console/index.js';
import { messageOf, UsageError } from '../errors.js';
import { pause } from '../wait.js';
import type { CommandIo } from './io.js';
import { portNumber } from './runtime.js';

/** The room is loaded by the action: `--help` has no use for it. */
const room = () => import('../console/index.js');

interface Flags {
  readonly port?: number;
  readonly once?: true;
  readonly json?: true;
}

/** `sallyport top`: what the page shows, in a terminal. */
export function topCommand(io: CommandIo): Command {
  return new Command('top')
    .description('show in the terminal what passes through a gateway that runs with --console')
    .argument(
      '[link]',
      'a link to the page, as the start and sallyport console print it (default: that of this machine)',
    )
    .option('--port <n>', 'the port of the page, where there are several on this machine', portNumber)
    .option('--once', 'print one picture as text, as where the output is no terminal')
    .option('--json', 'print the facts as JSON, once')
    .addHelpText('after', `\n${help}`)
    .action(async (link: string | undefined, flags: Flags) => top(io, link, flags));
}

const help = `Keys: q ends it, p pauses, / filters, tab and arrows go from list to list and through one, 1 to 6 choose one.

Example:
  sallyport top
  sallyport top --once`;

/** How often the screen is drawn, and a gateway that is gone is looked for, in milliseconds. */
const drawMs = 1_000;

async function top(io: CommandIo, link: string | undefined, flags: Flags): Promise<void> {
  const { findConsole, openLink, runtimeFolder, wholeText } = await room();
  if (link !== undefined && !URL.canParse(link))
    throw UsageError({ message: `${link} is no link`, usage: 'sallyport top --help' });
  const find = () => findConsole(runtimeFolder(io.env), flags.port);
  const client = link === undefined ? await find() : await openLink(new URL(link));
  const state = await client.state();
  const live = process.stdout.isTTY === true && process.stdin.isTTY === true && io.env['TERM'] !== 'dumb';
  if (flags.json) io.data(`${JSON.stringify(state, null, 2)}\n`);
  else if (flags.once || !live) io.out(wholeText(state, io.color ? io : { ...io, width: 200 }));
  else await show(io, client, state, link === undefined ? find : async () => client);
}

/** Shows it until somebody ends that. */
async function show(
  io: CommandIo,
  first: ConsoleClient,
  begun: ConsoleState,
  find: () => Promise<ConsoleClient>,
): Promise<void> {
  const { firstView, otherLines, screenText, viewAfter } = await room();
  const { stdin, stdout } = process;
  let state = begun;
  /** What is shown: another than `state` while it is paused. */
  let shown = state;
  let view: View = firstView;
  let notice = '';
  let lines = '';
  const draw = () => {
    if (!view.paused) shown = state;
    const size = { width: stdout.columns || 80, height: stdout.rows || 24, color: io.color };
    const text = screenText(shown, view, size, notice).join('\u001b[K\r\n');
    if (text === lines) return;
    lines = text;
    stdout.write(`\u001b[H${text}\u001b[K\u001b[J`);
  };
  const ended = new AbortController();
  const end = () => ended.abort();
  const onKeys = (data: Buffer) => {
    // One by one, but what an arrow sends is one key.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what keys send
    for (const key of data.toString().match(/\u001b\[[\d;]*[A-Za-z~]|[\s\S]/gu) ?? []) {
      const next = viewAfter(view, key, Math.max(1, (stdout.rows || 24) - otherLines));
      if (next === undefined) return end();
      view = next;
    }
    draw();
  };
  const redraw = () => {
    lines = '';
    draw();
  };
  // Another screen, without a cursor, and with lines that are cut.
  stdout.write('\u001b[?1049h\u001b[?25l\u001b[?7l');
  const back = () => stdout.write('\u001b[?7h\u001b[?25h\u001b[?1049l');
  process.once('exit', back);
  stdin.setRawMode(true);
  stdin.on('data', onKeys);
  stdout.on('resize', redraw);
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  const drawing = setInterval(draw, drawMs);
  draw();
  let client: ConsoleClient | undefined = first;
  while (!ended.signal.aborted) {
    try {
      client ??= await find();
      state = await client.state();
      notice = '';
      await client.watch(
        {
          state: (facts) => {
            state = { ...state, ...facts };
          },
          decisions: (decisions) => {
            state = { ...state, decisions: newest(state.decisions, decisions) };
          },
        },
        ended.signal,
      );
    } catch (error) {
      if (!ended.signal.aborted) notice = `tried again: ${messageOf(error)}`;
    }
    client = undefined;
    await pause(drawMs, ended.signal);
  }
  clearInterval(drawing);
  process.off('exit', back);
  back();
  stdin.setRawMode(false);
  stdin.pause();
}

/** As many as the page has. */
const mostDecisions = 200;

const newest = (before: readonly Decision[], more: readonly Decision[]): readonly Decision[] =>
  [...before, ...more.filter(({ id }) => id > (before.at(-1)?.id ?? 0))].slice(-mostDecisions);
