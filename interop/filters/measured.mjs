/** What is measured: which texts, and with which settings of the plugin here and the one of its name there. */

const pii = 'cpex_pii_filter.PIIFilterPlugin';
const piiKeys = [
  'ssn',
  'bsn',
  'credit_card',
  'email',
  'phone',
  'ip_address',
  'date_of_birth',
  'passport',
  'driver_license',
  'bank_account',
  'medical_record',
];
const only = (...kinds) => Object.fromEntries(piiKeys.map((key) => [`detect_${key}`, kinds.includes(key)]));

const secrets = {
  kind: 'cpex_secrets_detection.SecretsDetectionPlugin',
  hook: 'tool_post_invoke',
  config: {
    block_on_detection: false,
    redact: true,
    enabled: { jwt_like: true, generic_api_key_assignment: true },
  },
};
const exfil = {
  kind: 'cpex_encoded_exfil_detection.EncodedExfilDetectorPlugin',
  hook: 'tool_post_invoke',
  config: { block_on_detection: false, redact: true },
};
const sql = { kind: 'cpex_sql_sanitizer.SQLSanitizerPlugin', hook: 'tool_pre_invoke', config: {} };
const url = {
  kind: 'cpex_url_reputation.URLReputationPlugin',
  hook: 'resource_pre_fetch',
  config: { blocked_domains: ['malicious.example.com'], block_non_secure_http: false },
};

const ownSecrets = { kind: 'sallyport/secrets', config: { action: 'mask' } };
const theirNames = /_|^exfil/;

const inResult = (text) => ['tool_post_invoke', { name: 't', result: { content: [{ type: 'text', text }] } }];

/** Of what is masked: the value is gone; of a text with nothing in it: the text has changed. */
async function isMasked(plugin, text, value) {
  const { error, payload } = await plugin.call(...inResult(text));
  if (error) return false;
  const after = payload.result.content[0].text;
  return value === null ? after !== text : !after.includes(value);
}

const isBlocked = (call) => async (plugin, text) => {
  const { error, continue_processing } = await plugin.call(...call(text));
  return Boolean(error) || !continue_processing;
};

/** One row of the table for each kind of text. */
export function detectors(samples) {
  const of = (group) => samples.get(group) ?? [];
  const named = (prefix) =>
    [...samples.keys()].filter((group) => group.startsWith(prefix) && !group.endsWith(' plain'));
  const piiRow = (group, kinds, ours = { kind: pii, config: only(...kinds) }) => ({
    title: group,
    positives: of(group),
    negatives: of('plain'),
    isFound: isMasked,
    ours,
    theirs: { kind: pii, hook: 'tool_post_invoke', config: only(...kinds) },
  });
  const nationalIds = { kind: 'sallyport/pii', config: { detect: ['national_id'] } };
  const masked = (entry, prefix) =>
    named(`${prefix} `).map((group) => ({
      title: group,
      positives: of(group),
      negatives: of(`${prefix} plain`),
      isFound: isMasked,
      // What they have no name for is what our own kind finds with its own settings.
      ours: theirNames.test(group) ? { kind: entry.kind, config: entry.config } : ownSecrets,
      theirs: entry,
    }));
  const blocked = (title, entry, call, [positives, negatives]) => ({
    title,
    positives: of(positives),
    negatives: of(negatives),
    isFound: isBlocked(call),
    ours: { kind: entry.kind, config: entry.config },
    theirs: entry,
  });
  return [
    piiRow('email', ['email']),
    piiRow('credit_card', ['credit_card']),
    piiRow('iban', ['bank_account']),
    piiRow('phone, as in the USA', ['phone']),
    piiRow('phone, +E.164, every country', ['phone']),
    piiRow('phone, international form, every country', ['phone']),
    piiRow('ssn', ['ssn']),
    ...named('national id ').map((group) => piiRow(group, ['bsn'], nationalIds)),
    piiRow('ip, version 4', ['ip_address']),
    piiRow('ip, version 6', ['ip_address']),
    piiRow('date_of_birth, with a label', ['date_of_birth']),
    piiRow('passport, with a label', ['passport']),
    piiRow('driver_license, with a label', ['driver_license']),
    piiRow('bank_account, with a label', ['bank_account']),
    piiRow('medical_record, with a label', ['medical_record']),
    ...masked(secrets, 'secret'),
    ...masked(exfil, 'exfil'),
    blocked('SQL that destroys', sql, (text) => ['tool_pre_invoke', { name: 't', args: { sql: text } }], [
      'sql risky',
      'sql plain',
    ]),
    blocked('a blocked domain, however it is written', url, (text) => ['resource_pre_fetch', { uri: text }], [
      'url blocked',
      'url plain',
    ]),
  ];
}

const prose =
  'The order of 7 June was sent to the warehouse in the north, where 14 people work on it until the evening. ';
const withOne = (what) => prose.repeat(9) + what;

/** A text of about so many characters, with something to find every thousand. */
const textOf = (size, what) =>
  withOne(what)
    .repeat(Math.ceil(size / withOne(what).length))
    .slice(0, size);
const speed = (title, kind, config, what, call = inResult, hook = 'tool_post_invoke') => ({
  title,
  ours: { kind, config },
  theirs: { kind, hook, config },
  call: (size) => call(textOf(size, what)),
});

export const speeds = [
  speed('personal data, all kinds', pii, {}, 'Mail ada@example.org or card 4111 1111 1111 1111. '),
  speed('personal data, nothing to find', pii, {}, ''),
  speed('secrets', secrets.kind, secrets.config, `Key AKIA${'IOSFODNN7EXAMPLE'} is it. `),
  speed(
    'encoded exfiltration',
    exfil.kind,
    exfil.config,
    `${Buffer.from('password=hunter2 for ada').toString('base64')} `,
  ),
  speed('output length', 'cpex_output_length_guard.OutputLengthGuardPlugin', { max_chars: 500 }, ''),
  speed(
    'search and replace',
    'plugins.regex_filter.search_replace.SearchReplacePlugin',
    { words: [{ search: 'secret', replace: '***' }] },
    'A secret. ',
  ),
  speed(
    'deny list, of prompts',
    'plugins.deny_filter.deny.DenyListPlugin',
    { words: ['innovative', 'groundbreaking', 'revolutionary'] },
    '',
    (text) => ['prompt_pre_fetch', { prompt_id: 'p', args: { text } }],
    'prompt_pre_fetch',
  ),
  speed(
    'SQL',
    sql.kind,
    {},
    "SELECT * FROM t WHERE a = 'x'; ",
    (text) => ['tool_pre_invoke', { name: 't', args: { sql: text } }],
    'tool_pre_invoke',
  ),
  speed(
    'HTML sanitizer',
    'plugins.safe_html_sanitizer.safe_html_sanitizer.SafeHTMLSanitizerPlugin',
    {},
    '<p onclick="x()">A <a href="https://ok.example/">link</a></p>',
    html,
    'resource_post_fetch',
  ),
  speed(
    'HTML to Markdown',
    'plugins.html_to_markdown.html_to_markdown.HTMLToMarkdownPlugin',
    {},
    '<h2>A</h2><p>A <a href="https://ok.example/">link</a></p>',
    html,
    'resource_post_fetch',
  ),
];

function html(text) {
  const uri = 'https://ok.example/';
  return [
    'resource_post_fetch',
    { uri, content: { type: 'resource', id: '1', uri, mime_type: 'text/html', text } },
  ];
}
