import { parseConfig } from '../../dist/config/index.js';
import { agree, disagree, refusable } from '../lib/judge.mjs';

const env = { TOKEN: 's3cret', PORT: '8000', LIST: 'a,b', EMPTY: '', PLUGINS_SERVER_HOST: '127.0.0.1' };

/** Configuration files: each is used, or refused with a place for each thing that is wrong, twice in the same way. */
export default {
  words: [
    'plugins:',
    '- name: a',
    'kind: external',
    '\n',
    '  ',
    '\t',
    ': ',
    '- ',
    '? ',
    '[',
    ']',
    '{',
    '}',
    '&a ',
    '*a',
    '<<: *a',
    '!!binary ',
    '!!str ',
    '%YAML 1.1\n',
    '---\n',
    '...\n',
    '|2\n',
    '>-\n',
    '"{{ env.TOKEN }}"',
    '{{ env.PORT | int }}',
    '{% if a %}',
    "'",
    '"',
    '#',
    '\u2028',
    '\ufeff',
    'gateway:',
    'upstreams:',
    'tls:',
    'auth:',
    '0x1f',
    '.inf',
    '1e999',
    '~',
  ],
  async open() {
    return (input) => {
      const text = input.toString('utf8');
      for (const side of ['server', 'gateway'])
        agree('a second reading differs', read(text, side), read(text, side));
    };
  },
};

function read(text, side) {
  const options = { path: 'plugins.yaml', cwd: '/srv', env, home: '/home/me', side, exists: () => false };
  return refusable(() => {
    try {
      return JSON.stringify(parseConfig(text, options));
    } catch (error) {
      if (error.code !== 'SALLY_CONFIG_INVALID') throw error;
      for (const { code, context } of error.context.problems) {
        if (code === 'SALLY_INTERNAL') disagree('a defect among the problems', error.message);
        const { at } = context;
        if (!at || ('line' in at && !(at.line >= 1 && at.column >= 1)))
          disagree('a problem without a place', context);
      }
      return error.message;
    }
  });
}
