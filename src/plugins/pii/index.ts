import { defineFilter, withKeysOf } from '../filter.js';
import { createReplacer, scanningHooks } from '../text/index.js';
import { piiOfContextForge } from './contextforge.js';
import { partial } from './partial.js';
import { createScanner } from './scanner.js';
import { piiSettings } from './settings.js';

const notes = `It looks through arguments of tools and prompts, results of tools with their structured content, messages of prompts, and contents of resources, at any
depth, names of fields, numbers and text in base64 with them. A text that is JSON stays JSON. What is found is told in the metadata, or in the details of the violation:
kind, place (a JSON pointer) and count, never the text itself.

| kind | what it is |
|---|---|
| \`email\` | an address with a domain of two labels or more |
| \`phone\` | with \`+\` and a country code, as North America writes them, after a label such as \`tel\`; with \`phone_regions\` as other countries do |
| \`card\` | the number of a payment card: of an issuer, of its length, its check digit right (Luhn) |
| \`iban\` | as long as its country has it, its check digits right |
| \`ssn\` | of the US, in groups or after a label; not of an area, group or serial that is never given out |
| \`national_id\` | ES DNI and NIE, IT codice fiscale, FR NIR, GB NINO, SE, FI, CH, BE, BR CPF, IN Aadhaar and PAN, CN, KR, MX CURP by their form and check digits; after a label also those that are a row of digits: NL BSN, DE tax id, PL PESEL, GB NHS, CA SIN, AU TFN, ZA |
| \`ip\` | IPv4 and IPv6; not the host itself (127.0.0.1, ::1), and no version |
| \`date_of_birth\`, \`passport\`, \`driver_license\`, \`bank_account\`, \`medical_record\` | after a label, \`born on\`, \`passport no.\`, or in a field of such a name |`;

const pii = defineFilter({
  page: {
    title: 'Personal data',
    summary: 'finds personal data, and masks, hashes, replaces, removes or blocks it',
    notes,
    examples: [
      {
        title: 'Mask results',
        config: { detect: ['email', 'phone', 'card'], allow: ['*@example.com'] },
        hook: 'tool_post_invoke',
        payload: {
          name: 'contacts',
          result: {
            content: [
              { type: 'text', text: '{"name": "Ada", "mail": "ada@example.org", "card": 4111111111111111}' },
            ],
            structuredContent: { name: 'Ada', mail: 'ada@example.org', card: 4111111111111111 },
          },
        },
      },
      {
        title: 'Hash addresses, block cards, leave the end of everything else',
        config: {
          actions: { email: 'hash', card: 'block' },
          mask_style: 'partial',
          key: 'a key of 16 characters or more',
          names: ['Ada Lovelace'],
        },
        hook: 'tool_pre_invoke',
        payload: {
          name: 'mail',
          args: {
            to: 'ada@example.org',
            text: 'For Ada Lovelace, call +44 20 7946 0958 about DE89 3704 0044 0532 0130 00',
          },
        },
      },
      {
        title: 'Block',
        config: { action: 'block' },
        hook: 'tool_pre_invoke',
        payload: {
          name: 'mail',
          args: { to: 'ada@example.org', text: ['SSN 123-45-6789', 'ada@example.org'] },
        },
      },
    ],
  },
  config: piiSettings,
  async setup(config, { name }) {
    const { phone_regions: regions } = config;
    const nationalPhone =
      regions.length > 0
        ? await (await import('./national-phones.js')).nationalPhones(name, regions)
        : undefined;
    const replacer = createReplacer(config);
    return {
      hooks: scanningHooks({
        name: 'pii',
        scan: createScanner(config, nationalPhone),
        action: (kind) => config.actions[kind] ?? config.action,
        replacer: (context) => {
          const replace = replacer(context);
          return (action, kind, value) =>
            action === 'mask' && config.mask_style === 'partial'
              ? partial(kind, value)
              : replace(action, kind, value);
        },
        blockFrom: config.block_from,
        violation: (findings) => ({
          code: 'PII_DETECTED',
          reason: 'Personal data found',
          description: `Personal data is not allowed here: ${findings.kinds.join(', ')}`,
        }),
        texts: { keys: config.keys, uris: true, numbersFrom: 7, blobs: true },
      }),
    };
  },
});
export default pii;

export const contextforge = withKeysOf(pii, piiOfContextForge);
