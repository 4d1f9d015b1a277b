import { defineFilter, withKeysOf } from '../filter.js';
import { createReplacer, scanningHooks } from '../text/index.js';
import { secretsOfContextForge } from './contextforge.js';
import { createScanner } from './scanner.js';
import { secretKinds, secretsSettings } from './settings.js';

const notes = `It looks through arguments of tools and prompts, results of tools with their structured content, messages of prompts, and contents and URIs of resources, at any
depth, names of fields and text in base64 with them. What is found is told in the metadata, or in the details of the violation: kind, place (a JSON pointer) and count,
never the secret itself.

Most secrets are told by the form that who issues them has given them: ${secretKinds
  .slice(0, secretKinds.indexOf('aws_secret_access_key'))
  .map((kind) => `\`${kind}\``)
  .join(', ')}. The others by what is around them:

| kind | what it is |
|---|---|
| \`aws_secret_access_key\` | 40 characters that are assigned to a name of that kind |
| \`url_password\` | the password in \`scheme://user:password@host\` |
| \`authorization\` | what follows \`Bearer\` or \`Basic\`, where it looks random or is a name with a password |
| \`assignment\` | what is assigned to a name such as \`password\`, \`api_key\`, \`token\`; not a placeholder or a variable |
| \`hex_32\`, \`base64_24\`, \`random\` | what only looks random; only where \`detect\` names them, since ids and hashes do too |`;

/** The one that AWS has in its own documentation. */
const exampleKey = 'AKIAIOSFODNN7EXAMPLE';

const secrets = defineFilter({
  page: {
    title: 'Secrets',
    summary: 'finds keys, tokens and passwords, and masks, hashes, replaces, removes or blocks them',
    notes,
    examples: [
      {
        title: 'Mask results',
        config: {},
        hook: 'tool_post_invoke',
        payload: {
          name: 'read_file',
          result: {
            content: [
              {
                type: 'text',
                text: `AWS_ACCESS_KEY_ID=${exampleKey}\nDATABASE_URL=postgres://app:hunter22@db.example.org/app\n`,
              },
            ],
          },
        },
      },
      {
        title: 'Block',
        config: { action: 'block' },
        hook: 'tool_pre_invoke',
        payload: { name: 'post', args: { body: { text: `my key is ${exampleKey}` } } },
      },
    ],
  },
  config: secretsSettings,
  setup(config) {
    const skips = fieldsOf(config.only_fields, config.not_fields);
    return {
      hooks: scanningHooks({
        name: 'secrets',
        scan: createScanner(config),
        action: (kind) => config.actions[kind] ?? config.action,
        replacer: createReplacer(config),
        blockFrom: config.block_from,
        violation: (findings) => ({
          code: 'SECRETS_DETECTED',
          reason: 'Secrets detected',
          description: `Secrets are not allowed here: ${findings.kinds.join(', ')}`,
        }),
        texts: { keys: true, uris: true, blobs: true },
        ...(skips && { skips }),
      }),
    };
  },
});
export default secrets;

export const contextforge = withKeysOf(secrets, secretsOfContextForge);

/** Whether a place is outside of the fields that are looked at; undefined where all are. */
function fieldsOf(
  only: readonly string[],
  not: readonly string[],
): ((pointer: string) => boolean) | undefined {
  if (only.length === 0 && not.length === 0) return undefined;
  return (pointer) => {
    // Without the part of the payload that it is in, and without indexes of lists.
    const path = pointer
      .split('/')
      .slice(2)
      .filter((part) => !/^\d+$/.test(part))
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
      .join('.');
    const within = (field: string) => path === field || path.startsWith(`${field}.`);
    return not.some(within) || (only.length > 0 && !only.some(within));
  };
}
