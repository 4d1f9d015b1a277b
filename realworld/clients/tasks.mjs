/**
 * What every client does, as far as it can: `api` has a function for each kind of request, and an absent one is not
 * tried. Prints what the client makes of it, one JSON object, and ends.
 */
export const target = JSON.parse(process.argv[2]);
const { prefix } = target;

export async function run(connect) {
  const seen = {};
  let api;
  const attempt = async (key, work) => {
    if (!work) return;
    try {
      seen[key] = await work();
    } catch (error) {
      seen[key] = `threw: ${error.message}`;
    }
  };
  try {
    api = await connect(target);
    const { call, prompts, prompt, resources, read } = api;
    const ask = (name, args, more) => call(`${prefix}${name}`, args, more);
    await attempt('instructions', api.instructions);
    await attempt('tools', api.tools);
    await attempt('echo', () => ask('echo', { message: 'grüße 👋' }));
    await attempt('redacted', () => ask('echo', { message: 'the key sk-abc123 of mine' }));
    await attempt('sum', () => ask('get-sum', { a: 2, b: 0.5 }));
    await attempt('structured', () => ask('get-structured-content', { location: 'Chicago' }));
    await attempt('image', () => ask('get-tiny-image', {}));
    await attempt('wrong arguments', () => ask('get-sum', { a: 'x', b: 1 }));
    await attempt('no such tool', () => ask('no-such-tool', {}));
    if (api.withProgress) {
      const long = (args) => api.withProgress(`${prefix}trigger-long-running-operation`, args);
      await attempt('progress', () => long({ duration: 1, steps: 3 }));
    }
    await attempt('prompts', prompts);
    await attempt('prompt', prompt && (() => prompt(`${prefix}args-prompt`, { city: 'Kraków' })));
    await attempt('resources', resources);
    await attempt('resource', read && (() => read('demo://resource/static/document/features.md')));
  } catch (error) {
    seen.connection = `threw: ${error.stack}`;
  }
  process.stdout.write(`\n${JSON.stringify(seen)}\n`);
  await Promise.race([api?.close?.(), new Promise((done) => setTimeout(done, 2_000))]).catch(() => {});
  process.exit(0);
}
