import { modify, proceed } from '../plugin/index.js';
import { isContentText } from './content-text.js';
import { defineFilter, settings } from './filter.js';
import { mapTexts, textFilter } from './text/index.js';

export default defineFilter({
  page: {
    title: 'Markdown cleaner',
    summary: 'tidies Markdown: headings, signs of lists, blank lines',
    notes: `\`#Title\` becomes \`# Title\`, \`*\`, \`•\` and \`+\` before the items of a list become \`-\`, more than one blank line becomes one, line ends become LF, code blocks with nothing
in them go, and white space at both ends. What stands in a code block stays as it is.`,
    examples: [
      {
        title: 'A resource',
        config: {},
        hook: 'resource_post_fetch',
        payload: {
          uri: 'https://docs.example/a.md',
          content: {
            uri: 'https://docs.example/a.md',
            mimeType: 'text/markdown',
            text: '#Tea\n* green\n* black\n\n\n\nEnd',
          },
        },
      },
    ],
  },
  config: settings({}),
  setup() {
    const hooks = textFilter((hook, payload) => {
      const clean = mapTexts(hook, payload, (text, place) =>
        isContentText(place) ? cleanMarkdown(text) : text,
      );
      return clean === payload ? proceed() : modify(clean);
    });
    const { prompt_post_fetch, resource_post_fetch } = hooks;
    return { hooks: { prompt_post_fetch, resource_post_fetch } as typeof hooks };
  },
});

function cleanMarkdown(text: string): string {
  const lines = text.split(/\r\n|[\n\r\u2028\u2029]/);
  const kept: string[] = [];
  let fence: { readonly sign: string; readonly at: number } | undefined;
  for (const line of lines) {
    const sign = /^ {0,3}(`{3,}|~{3,})/.exec(line)?.[1];
    if (fence === undefined) {
      if (sign !== undefined) fence = { sign, at: kept.length };
      const blank = line === '' && kept.at(-1) === '' && sign === undefined;
      if (!blank) kept.push(sign === undefined ? cleanLine(line) : line);
    } else if (sign?.startsWith(fence.sign) && line.trim() === sign) {
      const info = kept[fence.at]?.trim() ?? '';
      const empty = kept.slice(fence.at + 1).every((each) => each === '');
      if (empty && info === fence.sign) kept.splice(fence.at);
      else kept.push(line);
      fence = undefined;
    } else {
      kept.push(line);
    }
  }
  return kept.join('\n').trim();
}

function cleanLine(line: string): string {
  return line.replace(/^(#{1,6})([^\s#])/, '$1 $2').replace(/^(\s*)[*•+]\s+/, '$1- ');
}
