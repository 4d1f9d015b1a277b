import type { PluginContext } from '../../plugin/index.js';
import { block, type HookResult, type Hooks, proceed } from '../../plugin/index.js';
import { defineFilter } from '../filter.js';
import { Findings, mapTexts, textHooks } from '../text/index.js';
import { contextforgeUrls } from './contextforge.js';
import { urlsIn } from './find.js';
import { judgeReach, judgeUrl, type Refusal } from './judge.js';
import { urlSettings } from './settings.js';

const notes = `URLs are looked for in arguments of tools and prompts, at any depth, and in URIs of resources; with \`results\` in everything that comes back as well. The value of a
field such as \`url\` or \`host\` is one also without a scheme. Each is read as browsers and libraries read it: \`http://2130706433\`, \`http://0x7f.1\`, \`http://[::ffff:127.0.0.1]\`,
\`http://127.0.0.1.\` and \`http:\\\\\\\\127.0.0.1\` are one and the same host.

Without \`resolve\` a name is judged as a name: one that leads to a private address passes, unless it is one of the known kind (\`localhost\`, \`*.internal\`, \`10.0.0.1.nip.io\`). With it
its addresses are looked at; who opens the URL in the end resolves it once more, and may be told another address. What reaches private networks by itself is best kept from them by a firewall.

What is refused is told by its reason and place, not by the URL: that may have secrets in it.`;

const urlRules = defineFilter({
  page: {
    title: 'URL rules',
    summary: 'says where URLs may lead: schemes, domains, no private addresses, no look-alikes',
    notes,
    examples: [
      {
        title: 'No private addresses, as they are by default',
        config: {},
        hook: 'tool_pre_invoke',
        payload: { name: 'fetch', args: { url: 'http://0xA9FEA9FE/latest/meta-data/' } },
      },
      {
        title: 'Some domains alone',
        config: { schemes: ['https'], allow_domains: ['example.org'] },
        hook: 'resource_pre_fetch',
        payload: { uri: 'https://example.org.evil.example/x' },
      },
    ],
  },
  config: urlSettings,
  setup(config) {
    const reaches = config.resolve || config.redirects > 0;
    const judge = async (
      hook: string,
      payload: Record<string, unknown>,
      call: { readonly signal: AbortSignal },
    ) => {
      const seen = urlsOf(hook, payload);
      const refused: { reason: string; place: string }[] = [];
      const note = (reason: Refusal, place: string) => {
        if (reason !== undefined) refused.push({ reason, place });
      };
      for (const { url, place, whole } of seen) {
        const reason = judgeUrl(url, config);
        // In a sentence, what is no URL is none; as a URI of a resource it is refused.
        if (reason !== 'not a URL' || whole) note(reason, place);
      }
      if (reaches && refused.length === 0) {
        const signal = AbortSignal.any([call.signal, AbortSignal.timeout(config.timeout_ms)]);
        const inTime = new Promise<Refusal>((resolve) => {
          signal.addEventListener('abort', () => resolve('no answer'), { once: true });
        });
        const urls = [...new Map(seen.map((one) => [one.url, one])).values()];
        if (urls.length > mostReached) note('redirects', urls[mostReached]?.place ?? '');
        else
          await Promise.all(
            urls.map(async ({ url, place }) =>
              note(await Promise.race([judgeReach(url, config, signal), inTime]), place),
            ),
          );
      }
      return answer(refused, config.action);
    };
    const hooks = textHooks.filter((hook) => config.results || !/post/.test(hook));
    return {
      hooks: Object.fromEntries(
        hooks.map((hook) => [
          hook,
          (
            payload: Record<string, unknown>,
            _context: PluginContext,
            call: { readonly signal: AbortSignal },
          ) => judge(hook, payload, call),
        ]),
      ) as Hooks,
    };
  },
});
export default urlRules;

export const contextforge = contextforgeUrls;

/** So many URLs of one payload are resolved or asked. */
const mostReached = 50;

interface UrlFound {
  readonly url: string;
  readonly place: string;
  /** Whether it is the URI of a resource. */
  readonly whole: boolean;
}

function urlsOf(hook: string, payload: Record<string, unknown>): UrlFound[] {
  const found: UrlFound[] = [];
  const options = {
    uris: true,
    keys: true,
    blobs: true,
    json: (text: string) => text.includes('\\u') || text.includes('\\/'),
  };
  mapTexts(
    hook,
    payload,
    (text, place) => {
      const whole = hook === 'resource_pre_fetch';
      const urls = whole ? [text] : urlsIn(text, place.name);
      if (urls.length === 0) return text;
      const pointer = place.pointer();
      for (const url of urls) found.push({ url, place: pointer, whole });
      return text;
    },
    options,
  );
  return found;
}

function answer(
  refused: readonly { reason: string; place: string }[],
  action: 'block' | 'report',
): HookResult {
  if (refused.length === 0) return proceed();
  const findings = new Findings();
  for (const { reason, place } of refused) findings.add(reason, place);
  const report = findings.report();
  if (action === 'report') return proceed({ url_rules: report });
  return block(
    {
      code: 'URL_BLOCKED',
      reason: 'URL not allowed',
      description: `A URL is not allowed here: ${findings.kinds.join(', ')}`,
      details: report,
    },
    { url_rules: report },
  );
}
