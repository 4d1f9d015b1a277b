import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { describe, it, onTestFinished } from 'vitest';
import { type Generation, generations, type Target } from './clients.js';
import {
  completion,
  expectSame,
  prompt,
  resource,
  roomy,
  type Step,
  type Transcript,
  tool,
  transcribe,
} from './compare.js';
import { gatewayBefore } from './gateway.js';

const steps: readonly Step[] = [
  tool('test_simple_text'),
  tool('test_image_content'),
  tool('test_audio_content'),
  tool('test_embedded_resource'),
  tool('test_multiple_content_types'),
  tool('test_error_handling'),
  tool('test_header_argument', { region: 'Zürich' }),
  tool('json_schema_2020_12_tool', { name: 'Ada', contactMethod: 'phone', phone: '1' }),
  {
    name: 'progress',
    run: (client) => client.callToolWithProgress({ name: 'test_tool_with_progress', arguments: {} }),
  },
  prompt('test_simple_prompt'),
  prompt('test_prompt_with_arguments', { arg1: 'ä', arg2: '☃' }),
  prompt('test_prompt_with_embedded_resource', { resourceUri: 'test://example-resource' }),
  prompt('test_prompt_with_image'),
  resource('test://static-text'),
  resource('test://static-binary'),
  resource('test://template/12%20%C3%A4/data'),
  completion({ type: 'ref/prompt', name: 'test_prompt_with_arguments' }, { name: 'arg1', value: 'test-t' }),
  completion({ type: 'ref/resource', uri: 'test://template/{id}/data' }, { name: 'id', value: '12' }),
];
/** In a session the server asks while it works; without one, the client comes again with the answers. */
const asking: readonly Step[] = [
  tool('test_sampling', { prompt: 'What now?' }),
  tool('test_elicitation', { message: 'Who are you?' }),
  tool('test_elicitation_sep1330_enums'),
  tool('test_input_required_result_list_roots'),
];
const lists = ['tools', 'prompts', 'resources', 'resourceTemplates'] as const;

/** The server of the conformance suite, which is the same for either era. */
async function fixtureOf(era: 'legacy' | 'modern'): Promise<Target> {
  const script = resolve(import.meta.dirname, '../../../conformance/fixture.mjs');
  const child = spawn(process.execPath, [script, era], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
  });
  const [url] = await once(child.stdout, 'data');
  return { url: String(url).trim() };
}

async function drive({ asked, connect }: Generation, target: Target): Promise<Transcript> {
  const client = await connect(target);
  onTestFinished(() => client.close());
  return transcribe(client, lists, asked ? [...steps, ...asking] : steps);
}

describe.each(generations)('a server of either era by $name', roomy, (generation) => {
  it.each(['legacy', 'modern'] as const)(
    '[M1,M5] tells the same through the gateway, where it is %s',
    async (era) => {
      const direct = await drive(generation, await fixtureOf(generation.era));
      const gateway = await gatewayBefore({ judged: await fixtureOf(era) });
      expectSame(await drive(generation, { url: gateway }), direct);
    },
  );
});
