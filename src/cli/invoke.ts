import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { FileUnreadable, fileReason, messageOf, PluginNotFound, UsageError } from '../errors.js';
import { globalContext, type PluginContext, readContext } from '../hooks/index.js';
import { isJsonObject, parseExactJson, writeJson } from '../json/index.js';
import { readFileText } from '../read-file.js';
import type { CommandIo } from './io.js';
import { loadAndWarn, loggerOf } from './runtime.js';

interface InvokeOptions {
  readonly config?: string;
  readonly plugin: string;
  readonly payload: string;
  readonly context?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** `sallyport invoke`: one hook call through the gateway side, printed. */
export function invokeCommand(io: CommandIo): Command {
  return new Command('invoke')
    .description('call one hook of one plugin through the gateway side, and print the result')
    .argument('<hook>', 'for example tool_pre_invoke')
    .option('--config <file>', 'the gateway side plugin file (default: PLUGINS_CONFIG_PATH)')
    .requiredOption('--plugin <name>', 'the name of the plugin in that file')
    .requiredOption('--payload <json>', 'the payload; @file reads it from a file, - from standard input')
    .option('--context <json>', 'the context: state, metadata, global_context')
    .option('--json', 'print the result on one line')
    .option('--verbose', 'log at level DEBUG: certificate, protocol and cipher of the connection')
    .addHelpText('after', `\n${help}`)
    .action(async (hook: string, options: InvokeOptions) => invoke(io, hook, options));
}

const help = `Exit status: 0 the plugin lets it pass, 1 it blocks or fails, 2 wrong use, 3 it cannot be reached.

Example:
  sallyport invoke tool_pre_invoke --config plugins/external/config-client.yaml \\
    --plugin ReplaceBadWordsPlugin --payload '{"name": "search", "args": {"q": "crap"}}'`;

async function invoke(io: CommandIo, hook: string, options: InvokeOptions): Promise<void> {
  const path = options.config || io.env['PLUGINS_CONFIG_PATH'];
  if (!path)
    throw UsageError({ message: 'no plugin file was named', usage: 'sallyport invoke HOOK --config FILE …' });
  const example = '{"name": "search", "args": {}}';
  const payload = parseObject('--payload', await readValue(io, options.payload), example);
  const context = contextOf(options.context);
  const log = loggerOf(io, { ...options, quiet: true });
  const config = await loadAndWarn(io, path, 'gateway', log);
  const wanted = options.plugin.toLowerCase();
  const plugins = config.plugins.filter((entry) => entry.name.toLowerCase() === wanted);
  if (plugins.length === 0) {
    throw PluginNotFound({
      plugin: options.plugin,
      where: path,
      has: config.plugins.map((entry) => entry.name),
    });
  }
  const { openPluginManager } = await import('../manager/index.js');
  const manager = await openPluginManager(
    { ...config, plugins },
    {
      log,
      connect: 'on-first-call',
      exactNumbers: true,
    },
  );
  try {
    const outcome = await manager.invokeOne({ plugin: options.plugin, hook, payload, context });
    if (outcome.kind === 'failed') throw outcome.error;
    const { result } = outcome.outcome;
    io.data(`${writeJson(result, options.json ? 0 : 2)}\n`);
    io.exitWith(result.continue_processing ? 0 : 1);
  } finally {
    await manager.close();
  }
}

async function readValue(io: CommandIo, value: string): Promise<string> {
  if (value === '-') {
    const given = await text(process.stdin);
    if (given.trim() !== '') return given;
    throw UsageError({
      message: 'standard input is empty',
      usage: 'sallyport invoke … --payload - < payload.json',
    });
  }
  if (!value.startsWith('@')) return value;
  const path = resolve(io.cwd, value.slice(1));
  try {
    return await readFileText(path);
  } catch (error) {
    throw FileUnreadable({ path, what: 'the payload', reason: fileReason(error) }, error);
  }
}

function parseObject(option: string, json: string, example: string): Record<string, unknown> {
  const usage = `${option} '${example}'`;
  if (json.trim() === '') throw UsageError({ message: `${option} is empty`, usage });
  let value: unknown;
  try {
    value = parseExactJson(json, { what: option });
  } catch (error) {
    throw UsageError({ message: `${option} is not JSON: ${messageOf(error)}`, usage });
  }
  if (isJsonObject(value)) return value;
  throw UsageError({ message: `${option} is not a JSON object`, usage });
}

function contextOf(json: string | undefined): PluginContext {
  const example = '{"global_context": {"request_id": "1"}}';
  const given = json === undefined ? {} : parseObject('--context', json, example);
  const read = readContext({ global_context: globalContext('invoke'), ...given });
  if (read.ok) return read.data;
  const message = `--context is not a context: ${read.problems.join('; ')}`;
  throw UsageError({ message, usage: `--context '${example}'` });
}
