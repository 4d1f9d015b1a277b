/** How a secret is told by its form: the public formats of those who issue them. */
interface SecretRule {
  readonly kind: string;
  /** What every one of them begins with. The search for these is one for all. */
  readonly begins: readonly string[];
  /** The whole of it, from its beginning on. A group `secret` is the part that is one, else all of it is. */
  readonly form: RegExp;
  /** What its form alone leaves open. */
  readonly check?: (secret: string) => boolean;
}

const end = '(?![A-Za-z0-9_-])';

export const rules: readonly SecretRule[] = [
  {
    kind: 'aws_access_key_id',
    begins: ['AKIA', 'ASIA', 'ABIA', 'ACCA'],
    form: /A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Za-z0-9])/,
  },
  {
    kind: 'github_token',
    begins: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
    form: /(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{50,255})(?![A-Za-z0-9])/,
  },
  {
    kind: 'gitlab_token',
    begins: ['glpat-', 'gldt-', 'glrt-', 'glcbt-', 'glptt-', 'glft-', 'glsoat-', 'glagent-', 'gloas-'],
    form: /gl[a-z]{2,5}-[A-Za-z0-9_.-]{20,300}/,
  },
  {
    kind: 'slack_token',
    begins: [
      'xoxa-',
      'xoxb-',
      'xoxc-',
      'xoxd-',
      'xoxe-',
      'xoxe.',
      'xoxo-',
      'xoxp-',
      'xoxr-',
      'xoxs-',
      'xapp-',
    ],
    form: /x(?:ox[abcdeoprs]|app)[-.](?=[A-Za-z0-9%.-]*\d)[A-Za-z0-9%.-]{10,400}/,
  },
  {
    kind: 'slack_webhook',
    begins: ['hooks.slack.com/'],
    form: /hooks\.slack\.com\/(?:services|workflows|triggers)\/(?<secret>[A-Za-z0-9+/]{30,200})/,
  },
  {
    kind: 'stripe_secret_key',
    begins: ['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'whsec_'],
    form: /(?:[sr]k_(?:live|test)|whsec)_[A-Za-z0-9+/=]{16,250}/,
  },
  { kind: 'anthropic_key', begins: ['sk-ant-'], form: /sk-ant-[A-Za-z0-9_-]{24,250}/ },
  {
    kind: 'openai_key',
    begins: ['sk-'],
    form: /sk-(?!ant-)[A-Za-z0-9_-]{20,250}/,
    check: (secret) => /\d/.test(secret) && /[A-Z]/.test(secret) && /[a-z]/.test(secret.slice(3)),
  },
  { kind: 'openrouter_key', begins: ['sk-or-v1-'], form: /sk-or-v1-[0-9a-f]{64}/ },
  { kind: 'google_api_key', begins: ['AIza'], form: new RegExp(`AIza[A-Za-z0-9_-]{35}${end}`) },
  { kind: 'google_oauth', begins: ['ya29.', 'GOCSPX-'], form: /(?:ya29\.|GOCSPX-)[A-Za-z0-9_-]{20,500}/ },
  {
    kind: 'azure_key',
    begins: ['AccountKey=', 'SharedAccessKey='],
    form: /(?:AccountKey|SharedAccessKey)=(?<secret>[A-Za-z0-9+/]{40,100}={0,2})/,
  },
  { kind: 'npm_token', begins: ['npm_'], form: /npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])/ },
  { kind: 'pypi_token', begins: ['pypi-'], form: /pypi-[A-Za-z0-9_-]{50,300}/ },
  { kind: 'huggingface_token', begins: ['hf_'], form: /hf_[A-Za-z0-9]{30,50}(?![A-Za-z0-9])/ },
  { kind: 'sendgrid_key', begins: ['SG.'], form: /SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}/ },
  { kind: 'digitalocean_token', begins: ['dop_v1_', 'doo_v1_', 'dor_v1_'], form: /do[por]_v1_[a-f0-9]{64}/ },
  { kind: 'databricks_token', begins: ['dapi'], form: /dapi[a-f0-9]{32}(?:-\d)?(?![a-f0-9])/ },
  {
    kind: 'shopify_token',
    begins: ['shpat_', 'shpca_', 'shppa_', 'shpss_'],
    form: /shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}/,
  },
  { kind: 'square_token', begins: ['sq0atp-', 'sq0csp-'], form: /sq0(?:atp|csp)-[A-Za-z0-9_-]{22,43}/ },
  { kind: 'vault_token', begins: ['hvs.', 'hvb.', 'hvr.'], form: /hv[sbr]\.[A-Za-z0-9_-]{24,300}/ },
  { kind: 'grafana_token', begins: ['glsa_', 'glc_'], form: /gl(?:sa|c)_[A-Za-z0-9_+/=]{32,400}/ },
  { kind: 'docker_token', begins: ['dckr_pat_', 'dckr_oat_'], form: /dckr_[po]at_[A-Za-z0-9_-]{27,64}/ },
  { kind: 'postman_key', begins: ['PMAK-'], form: /PMAK-[a-f0-9]{24}-[a-f0-9]{34}/ },
  { kind: 'newrelic_key', begins: ['NRAK-'], form: /NRAK-[A-Z0-9]{27}/ },
  { kind: 'linear_key', begins: ['lin_api_'], form: /lin_api_[A-Za-z0-9]{32,64}/ },
  { kind: 'notion_token', begins: ['ntn_'], form: /ntn_[A-Za-z0-9]{40,60}/ },
  { kind: 'groq_key', begins: ['gsk_'], form: /gsk_[A-Za-z0-9]{40,60}/ },
  { kind: 'xai_key', begins: ['xai-'], form: /xai-[A-Za-z0-9]{60,100}/ },
  { kind: 'perplexity_key', begins: ['pplx-'], form: /pplx-[A-Za-z0-9]{40,64}/ },
  { kind: 'replicate_token', begins: ['r8_'], form: /r8_[A-Za-z0-9]{37}/ },
  { kind: 'age_key', begins: ['AGE-SECRET-KEY-1'], form: /AGE-SECRET-KEY-1[A-Z0-9]{58}/ },
  {
    kind: 'jwt',
    begins: ['eyJ'],
    form: /eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{5,8000}\.[A-Za-z0-9_-]{0,2000}/,
    check: (token) => isJose(token.slice(0, token.indexOf('.'))),
  },
  {
    kind: 'private_key',
    begins: ['-----BEGIN '],
    form: /-----BEGIN (?:[A-Z0-9]{1,12} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----)[\s\S]){0,20000}(?:-----END [A-Z0-9 ]{0,60}-----)?/,
  },
];

/** Whether it is the header of a token: JSON that names an algorithm. */
function isJose(header: string): boolean {
  try {
    return /"alg"\s*:/.test(Buffer.from(header, 'base64url').toString('utf8'));
  } catch {
    return false;
  }
}
