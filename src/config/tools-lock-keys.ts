import { type Keys, key, required } from './schema.js';

/** The `tools_lock` block of a gateway. */
export const toolsLockKeys = {
  file: required(
    { kind: 'path' },
    'what upstreams may show clients, as sallyport tools lock wrote it; one that is not there, or not whole, is an error',
  ),
  mode: key(
    { kind: 'choice', values: ['withhold', 'report'] },
    'what becomes of an entry that is new, or not the one that was locked: withhold, it is not there for clients; report, it is only told of',
    { default: 'withhold' },
  ),
  resources: key(
    { kind: 'boolean' },
    'whether resources are locked, too: false where they come and go with the data of an upstream, while tools, prompts, resource templates and instructions stay locked',
    { default: true },
  ),
} as const satisfies Keys;
