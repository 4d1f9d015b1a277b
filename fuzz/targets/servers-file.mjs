// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are references, not templates
import { Problems } from '../../dist/config/problems.js';
import { parseServers, plainJson } from '../../dist/config/servers-file.js';
import { agree, disagree, refusable } from '../lib/judge.mjs';

/** Lists of servers as desktop clients and editors keep them. */
export default {
  format: 'json',
  words: [
    '"mcpServers":',
    '"servers":',
    '"mcp":',
    '//',
    '/*',
    '*/',
    ',',
    '${env:A}',
    '${A:-b}',
    '${workspaceFolder}',
    '${input:x}',
    '"url":',
    '"command":',
    '"\\',
    '\ufeff',
    '\t',
    '{',
    '}',
    '"disabled":true',
  ],
  async open() {
    return (input) => {
      const text = input.toString('utf8');
      const plain = plainJson(text);
      if (plain.length !== text.length) disagree('places have moved', [text, plain]);
      const [value] = parsed(text);
      if (value !== undefined) agree('JSON is not left as it is', parsed(plain)[0], value);
      refusable(() => {
        const problems = new Problems();
        parseServers(
          text,
          { path: '.mcp.json', cwd: '/srv', env: { A: 'a' }, home: '/home/me' },
          new Map(),
          problems,
        );
        problems.throwIfAny('.mcp.json');
      });
    };
  },
};

function parsed(text) {
  try {
    return [JSON.parse(text)];
  } catch {
    return [];
  }
}
