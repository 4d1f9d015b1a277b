import { describe, expect, it } from 'vitest';
import { invalid, parse } from './helpers.js';

/** A file with a gateway block of these lines. */
const gateway = (...lines: string[]) => ['gateway:', ...lines.map((line) => `  ${line}`), ''].join('\n');

const files = 'upstreams: {files: {command: npx}}';
const servers = (...lines: string[]) => gateway(files, 'servers:', ...lines.map((line) => `  ${line}`));

describe('gateway.servers', () => {
  it('takes names, patterns, and maps with what an entry is here', () => {
    const read = parse(
      servers(
        'research:',
        '  title: Research',
        '  tools:',
        '    - files__*',
        '    - {name: files__read, as: read, defaults: {head: 10}, fixed: {path: /notes}}',
        "  resources: ['docs://*', {uri: 'docs://{id*}', title: Notes}]",
      ),
    );
    expect(read.gateway?.servers).toEqual([
      {
        name: 'research',
        title: 'Research',
        tools: [
          { name: 'files__*' },
          { name: 'files__read', as: 'read', defaults: { head: 10 }, fixed: { path: '/notes' } },
        ],
        prompts: [],
        resources: [{ name: 'docs://*' }, { name: 'docs://{id*}', title: 'Notes' }],
      },
    ]);
  });

  it.each([
    ['a name that is no part of a path', ['"my tools": {tools: [a]}'], /4:5.*"my tools" cannot be the name/s],
    ['dots alone', ['"..": {tools: [a]}'], /".." cannot be the name/],
    ['names that differ in case only', ['a: {tools: [a]}', 'A: {tools: [a]}'], /already named at .*:\d+:\d+/],
    ['nothing', ['a: {title: A}'], /"a": it offers nothing/],
    [
      'a pattern with a name',
      ['a: {tools: [{name: "x*", as: y}]}'],
      /"x\*" stands for all that match, and has as/,
    ],
    ['a name twice', ['a: {tools: [x, x]}'], /the tool "x" is offered twice, first at/],
    ['an other name twice', ['a: {tools: [{name: x, as: z}, {name: y, as: z}]}'], /"z" is offered twice/],
    ['a name that another has', ['a: {prompts: [{name: x, as: y}, y]}'], /the prompt "y" is offered twice/],
    [
      'a name that no model takes',
      ['a: {tools: [{name: x, as: "a b"}]}'],
      /"a b" cannot be the name of a tool/,
    ],
    [
      'an argument in both',
      ['a: {tools: [{name: x, fixed: {p: 1}, defaults: {p: 2}}]}'],
      /the argument "p" is in defaults and in fixed/,
    ],
    ['an unknown key', ['a: {tools: [x], tool: [y]}'], /tool.*did you mean 'tools'/s],
  ])('refuses %s, where it stands', (_, lines, told) => {
    expect(invalid(servers(...lines)).message).toMatch(told);
  });

  it('knows whoever is bound to a server that is not there', () => {
    const tls = 'tls: {certfile: a, keyfile: b, ca_bundle: c, ssl_cert_reqs: 2}';
    const auth = 'auth: {kind: mtls, users: [{match: "URI:x", servers: [reserch]}]}';
    expect(invalid(gateway(files, tls, auth, 'servers: {research: {tools: [a]}}')).message).toMatch(
      /gateway.auth.users\[\].servers must be a list of names in gateway.servers(.|\n)*did you mean 'research'/,
    );
  });
});
