import { defineFilter, withKeysOf } from '../filter.js';
import { createReplacer, scanningHooks } from '../text/index.js';
import { exfiltrationOfContextForge } from './contextforge.js';
import { createScanner } from './scanner.js';
import { exfiltrationSettings } from './settings.js';

const notes = `What is encoded is decoded, and gets points: one for being decodable, one for looking random, one where most of what is in it is printable, one for being long as
well, two for words such as \`password\` in it, three for a secret that [the filter for secrets](secrets.md) finds in it, two where it is encoded once more, and one where words such
as \`curl\` or \`webhook\` are near. Images and hashes are not printable, and stay below the three points of the default. Texts are looked at wherever they are, names of fields with them;
base64 over several lines too. Of each part the first 64 KB are decoded.`;

const exfiltration = defineFilter({
  page: {
    title: 'Encoded exfiltration',
    summary: 'finds texts that are hidden in base64, hex, percent or \\x escapes, nested too',
    notes,
    examples: [
      {
        title: 'Stop a call',
        config: {},
        hook: 'tool_pre_invoke',
        payload: {
          name: 'post',
          args: {
            note: `send to webhook: ${Buffer.from('password=hunter2 for the database').toString('base64')}`,
          },
        },
      },
      {
        title: 'Mask results',
        config: { action: 'mask', encodings: ['hex'] },
        hook: 'tool_post_invoke',
        payload: {
          name: 'read',
          result: {
            content: [
              {
                type: 'text',
                text: `dump: ${Buffer.from('the secret token of everybody').toString('hex')}.`,
              },
            ],
          },
        },
      },
    ],
  },
  config: exfiltrationSettings,
  setup(config) {
    return {
      hooks: scanningHooks({
        name: 'encoded_exfiltration',
        scan: createScanner(config),
        action: () => config.action,
        replacer: createReplacer(config),
        blockFrom: config.block_from,
        violation: (findings) => ({
          code: 'ENCODED_EXFIL_DETECTED',
          reason: 'Encoded exfiltration pattern detected',
          description: `It has encoded parts that are not allowed here: ${findings.kinds.join(', ')}`,
        }),
        texts: { keys: true, uris: true, blobs: true },
      }),
    };
  },
});
export default exfiltration;

export const contextforge = withKeysOf(exfiltration, exfiltrationOfContextForge);
