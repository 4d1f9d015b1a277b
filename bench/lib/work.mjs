// The plugin's own work, the same on both sides of every comparison.

/** The payload with one word replaced in its arguments; undefined where there was nothing to replace. */
export function replaceWords(payload) {
  let changed = false;
  const args = Object.fromEntries(
    Object.entries(payload.args ?? {}).map(([key, value]) => {
      if (typeof value !== 'string' || !value.includes('crap')) return [key, value];
      changed = true;
      return [key, value.replaceAll('crap', 'crud')];
    }),
  );
  return changed ? { ...payload, args } : undefined;
}

/** The tool of calls that are there to warm up. */
export const warmUp = 'warm-up';

const sentence = 'what a crap day. ';

/** The payload of a call, of about so many bytes. */
export function payloadOf(bytes, name = 'search') {
  return { name, args: { q: sentence.repeat(Math.ceil(bytes / sentence.length)) } };
}

/** Fails where an answer is not what it should be: nothing is measured that does not work. */
export function check(payload) {
  if (payload.args.q.startsWith('what a crud day')) return;
  throw new Error(`the answer is not what it should be: ${payload.args.q.slice(0, 50)}`);
}
