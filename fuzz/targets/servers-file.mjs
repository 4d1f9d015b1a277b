// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are references, not templates
import { Problems } from '../../dist/config/problems.js';
import { ServersFile } from '../../dist/config/servers-file.js';
import { plainJson } from '../../dist/config/servers-list.js';
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
    '"context_servers":',
    '"includeTools":[',
    '"envFile":"e"',
    '"timeout":',
    '"comand":',
    '"inputs":[{"id":"x"}]',
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
        const read = () => 'A=1';
        const options = {
          path: '.mcp.json',
          cwd: '/srv',
          env: { A: 'a' },
          home: '/home/me',
          read,
          proxies: { except: [] },
        };
        const file = new ServersFile(text, options, problems);
        problems.throwIfAny('.mcp.json');
        file.upstreams(new Map(), new Map([['x', 'y']])).problems.throwIfAny('.mcp.json');
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
