/**
 * Where a plugin here does otherwise than the Python plugin of its name, and why: what comes of the case `here` and `there`. A
 * case that does as it is listed is no failure; one that does the same on both sides now fails the run, so that this list
 * stays true.
 */
const differences = [
  {
    plugin: 'HTMLToMarkdownPlugin',
    cases: /^code$/,
    here: /```\\na < b\\n```/,
    there: /"`a < b`"/,
    cause: 'it writes a block of code that is one line as code within a line',
  },
  {
    plugin: 'EncodedExfilDetector',
    cases: /^of a resource$/,
    here: /blocks: ENCODED_EXFIL_DETECTED/,
    there: /"text":"Y3Vyb/,
    cause:
      'it does not look into the model that contents of a resource are there, and lets all of them through',
  },
  {
    plugin: 'ResourceFilterExample',
    cases: /^(an allowed address|contents )/,
    here: /^\[\{"metadata":\{\},"uri":"https:\/\/ok\.example\/a"\}(,("blocks: CONTENT_TOO_LARGE"|\{"content":\{"id":"1","mime_type":"text\/plain","text":"(x{20}|user: ada\\npassword: \[REDACTED\] end)".*))?\]$/,
    there: /"resource_filter_plugin":"pre_fetch_validated"/,
    cause:
      'it writes into the metadata of a request that it has looked at it, with the user and the size that is allowed',
  },
  {
    plugin: 'URLReputationPlugin',
    cases: /^a top-level domain that there is not$/,
    here: /foo\.notatld/,
    there: /blocks: URL_REPUTATION_BLOCK/,
    cause:
      'it has the list of top-level domains of its own day in it; one that does not exist cannot be fetched from',
  },
  {
    plugin: 'SQLSanitizer',
    cases: /^a comment$/,
    here: /"SELECT 1"/,
    there: /"SELECT 1 "/,
    cause: 'it leaves the space before a comment that it takes out at the end',
  },
  {
    plugin: 'SQLSanitizer',
    cases: /^put together$/,
    here: /blocks: SQL_SANITIZER/,
    there: /select '/,
    cause: 'it does not see a statement that is put together inside of quotes',
  },
  {
    plugin: 'SecretsDetection',
    cases: /^fewer than it takes$/,
    here: /REDACTED/,
    there: /AKIA/,
    cause: 'with fewer findings than block it lets secrets through; here they are masked then',
  },
  {
    plugin: 'MarkdownCleanerPlugin',
    cases: /^(headings, lists and blank lines|an empty fence)$/,
    here: /"text":"(# a\\n- x\\n- y\\n\\nend|a\\nb)"/,
    there: /fails: ValidationError/,
    cause:
      'it makes contents of a resource without the id that its model asks for, and fails on all that it would change',
  },
  {
    plugin: 'OutputLengthGuardPlugin',
    cases: /^structured content$/,
    here: /"text":"x"/,
    there: /"text":"\[/,
    cause:
      'where it cuts structured content, it writes the text beside it anew from that, whatever the text said before',
  },
  {
    plugin: 'OutputLengthGuardPlugin',
    cases: /^tokens, cut$/,
    here: /another words …/,
    there: /another words t…/,
    cause: 'in tokens it adds the ellipsis after cutting at the limit, so that the result is over the limit',
  },
  {
    plugin: 'PIIFilterPlugin',
    cases:
      /^(an e-mail address|at any depth|a result with structured content|a rendered prompt|arguments of a prompt|what the allow list frees)$/,
    here: /[a-z]\*\*\*@/,
    there: /[a-z]\*\*\*[a-z]@/,
    cause: 'partial masking of an address shows its last letter beside the first',
  },
  {
    plugin: 'PIIFilterPlugin',
    cases: /^a card$/,
    here: /\*{4} \*{4} \*{4} 1111/,
    there: /\*{4}-\*{4}-\*{4}-1111/,
    cause: 'a masked card is written with hyphens, whatever was between its groups',
  },
  {
    plugin: 'PIIFilter',
    cases: /^all kinds, redacted$/,
    here: /"\[REDACTED\] \[REDACTED\] \(555\) 123-4567 \[REDACTED\] dob: \[REDACTED\] MRN: \[REDACTED\]"/,
    there: /"\[REDACTED\] 4111 1111 1111 1111 \(\[REDACTED\] \[REDACTED\] \[REDACTED\] \[REDACTED\]"/,
    cause:
      'it misses a card after another number, takes 555 for an area code and leaves its bracket, and masks labels with what they name',
  },
  {
    plugin: 'PIIFilter',
    cases: /^blocked in (arguments|a result|a rendered prompt)$/,
    here: /blocks: PII_DETECTED"/,
    there: /blocks: PII_DETECTED_IN_(TOOL_ARGS|TOOL_RESULT|PROMPT_RESULT)"/,
    cause:
      'its violation has a code for each hook; here the code is the same, and the hook is known from the call',
  },
];

/** The entry that explains a difference of this case, or says that one was to be expected. */
export function knownDifference(plugin, title) {
  return differences.find((one) => one.plugin === plugin && one.cases.test(title));
}
