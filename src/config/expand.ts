import { ConfigUpstream, ConfigUpstreamNeedsVariable } from '../errors.js';
import type { ConfigNode, ScalarNode } from './document.js';
import type { Problems } from './problems.js';
import { looksSecret, shown } from './secrets.js';
import type { Env } from './template.js';

interface Expanding {
  readonly env: Env;
  /** What editors fill in by themselves. */
  readonly folders: Readonly<Record<string, string | undefined>>;
  readonly problems: Problems;
}

/**
 * Replaces `${VAR}`, `${VAR:-default}` and `${env:VAR}` in the texts of `node`, as clients and editors do in their
 * server lists. Every text is replaced by itself: what a variable holds cannot become anything but text.
 */
export function expandVariables(node: ConfigNode, key: string, deps: Expanding): ConfigNode {
  switch (node.kind) {
    case 'broken':
      return node;
    case 'list':
      return { ...node, items: node.items.map((item, i) => expandVariables(item, `${key}[${i}]`, deps)) };
    case 'map': {
      const entries = node.entries.map((entry) => {
        return { ...entry, value: expandVariables(entry.value, `${key}.${entry.key}`, deps) };
      });
      return { ...node, entries };
    }
    case 'scalar':
      return typeof node.value === 'string' && node.value.includes('${') ? expandText(node, key, deps) : node;
  }
}

const reference = /\$\{([^{}]*)\}/g;
const variable = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

function expandText(node: ScalarNode, key: string, { env, folders, problems }: Expanding): ConfigNode {
  let broken = false;
  let hidden = false;
  const value = node.text.replace(reference, (whole, inside: string) => {
    const folder = Object.hasOwn(folders, inside) ? folders[inside] : undefined;
    if (folder !== undefined) return folder;
    const [, name, fallback] = variable.exec(inside) ?? [];
    if (name === undefined) {
      const problem = `${key} has ${shown(whole)}, which only an editor could fill in`;
      const instead = 'write it as a variable, $' + '{NAME}, and set NAME';
      problems.add(
        ConfigUpstream({ at: node.place, upstream: shown(key.split('.')[1] ?? ''), problem, instead }),
      );
      broken = true;
      return '';
    }
    hidden ||= looksSecret(name);
    const set = Object.hasOwn(env, name) ? env[name] : undefined;
    // As in a shell, `:-` stands in for a variable that is empty too.
    if (set !== undefined && (set !== '' || fallback === undefined)) return set;
    if (fallback !== undefined) return fallback;
    problems.add(ConfigUpstreamNeedsVariable({ at: node.place, key, variable: name }));
    broken = true;
    return '';
  });
  return broken ? { kind: 'broken', place: node.place } : { ...node, value, text: value, hidden };
}
