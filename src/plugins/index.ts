/**
 * The plugins that come in the box: a table of kinds. The module of each is imported where it is configured, and only there.
 * What they share: `filter.ts` (how one is declared), `text/` (where text is in a payload, what is found in it and what
 * becomes of that).
 *
 * @module
 */
import type { PluginDefinition } from '../plugin/index.js';
import type { Filter } from './filter.js';

/** What a module of a bundled plugin exports. */
interface FilterModule {
  readonly default: Filter;
  /** The same plugin with the keys that ContextForge has for it, where those are others. */
  readonly contextforge?: PluginDefinition;
}

/** A bundled plugin: `sallyport/<name>`, and the Python classes whose place it takes. */
interface BundledPlugin {
  readonly name: string;
  readonly python: readonly string[];
  readonly load: () => Promise<FilterModule>;
}

/** One row a plugin. Its page in docs/filters/ is made from what its module says. */
export const bundledTable: readonly BundledPlugin[] = [
  {
    name: 'search-replace',
    python: ['plugins.regex_filter.search_replace.SearchReplacePlugin'],
    load: () => import('./search-replace.js'),
  },
  {
    name: 'output-length',
    python: [
      'plugins.output_length_guard.output_length_guard.OutputLengthGuardPlugin',
      'cpex_output_length_guard.OutputLengthGuardPlugin',
      'cpex_output_length_guard.output_length_guard.OutputLengthGuardPlugin',
    ],
    load: () => import('./output-length/index.js'),
  },
  {
    name: 'rate-limit',
    python: ['cpex_rate_limiter.RateLimiterPlugin', 'cpex_rate_limiter.rate_limiter.RateLimiterPlugin'],
    load: () => import('./rate-limit/index.js'),
  },
  {
    name: 'safe-html',
    python: ['plugins.safe_html_sanitizer.safe_html_sanitizer.SafeHTMLSanitizerPlugin'],
    load: () => import('./safe-html.js'),
  },
  {
    name: 'html-to-markdown',
    python: ['plugins.html_to_markdown.html_to_markdown.HTMLToMarkdownPlugin'],
    load: () => import('./html-to-markdown.js'),
  },
  {
    name: 'toon',
    python: ['plugins.toon_encoder.toon_encoder.ToonEncoderPlugin'],
    load: () => import('./toon.js'),
  },
  {
    name: 'schema-guard',
    python: ['plugins.schema_guard.schema_guard.SchemaGuardPlugin'],
    load: () => import('./schema-guard/index.js'),
  },
  {
    name: 'sql-guard',
    python: ['cpex_sql_sanitizer.SQLSanitizerPlugin', 'cpex_sql_sanitizer.sql_sanitizer.SQLSanitizerPlugin'],
    load: () => import('./sql-guard/index.js'),
  },
  {
    name: 'argument-normalizer',
    python: ['plugins.argument_normalizer.argument_normalizer.ArgumentNormalizerPlugin'],
    load: () => import('./argument-normalizer.js'),
  },
  {
    name: 'header-rules',
    python: ['plugins.header_injector.header_injector.HeaderInjectorPlugin'],
    load: () => import('./header-rules.js'),
  },
  {
    name: 'header-filter',
    python: ['plugins.header_filter.header_filter_plugin.HeaderFilter'],
    load: () => import('./header-filter.js'),
  },
  {
    name: 'circuit-breaker',
    python: ['plugins.circuit_breaker.circuit_breaker.CircuitBreakerPlugin'],
    load: () => import('./circuit-breaker.js'),
  },
  {
    name: 'watchdog',
    python: ['plugins.watchdog.watchdog.WatchdogPlugin'],
    load: () => import('./watchdog.js'),
  },
  {
    name: 'json-repair',
    python: ['plugins.json_repair.json_repair.JSONRepairPlugin'],
    load: () => import('./json-repair.js'),
  },
  {
    name: 'pii',
    python: [
      'cpex_pii_filter.PIIFilterPlugin',
      'cpex_pii_filter.pii_filter.PIIFilterPlugin',
      'plugins.pii_filter.pii_filter.PIIFilterPlugin',
    ],
    load: () => import('./pii/index.js'),
  },
  {
    name: 'secrets',
    python: [
      'cpex_secrets_detection.SecretsDetectionPlugin',
      'cpex_secrets_detection.secrets_detection.SecretsDetectionPlugin',
      'plugins.secrets_detection.secrets_detection.SecretsDetectionPlugin',
    ],
    load: () => import('./secrets/index.js'),
  },
  {
    name: 'deny-list',
    python: ['plugins.deny_filter.deny.DenyListPlugin'],
    load: () => import('./deny-list.js'),
  },
  {
    name: 'url-rules',
    python: [
      'cpex_url_reputation.URLReputationPlugin',
      'cpex_url_reputation.url_reputation.URLReputationPlugin',
      'plugins.url_reputation.url_reputation.URLReputationPlugin',
    ],
    load: () => import('./url-rules/index.js'),
  },
  {
    name: 'file-types',
    python: ['plugins.file_type_allowlist.file_type_allowlist.FileTypeAllowlistPlugin'],
    load: () => import('./file-types.js'),
  },
  {
    name: 'resource-filter',
    python: ['plugins.resource_filter.resource_filter.ResourceFilterPlugin'],
    load: () => import('./resource-filter.js'),
  },
  {
    name: 'harmful-content',
    python: ['plugins.harmful_content_detector.harmful_content_detector.HarmfulContentDetectorPlugin'],
    load: () => import('./harmful-content.js'),
  },
  {
    name: 'code-safety',
    python: ['plugins.code_safety_linter.code_safety_linter.CodeSafetyLinterPlugin'],
    load: () => import('./code-safety.js'),
  },
  {
    name: 'markdown-cleaner',
    python: ['plugins.markdown_cleaner.markdown_cleaner.MarkdownCleanerPlugin'],
    load: () => import('./markdown-cleaner.js'),
  },
  {
    name: 'privacy-notice',
    python: ['plugins.privacy_notice_injector.privacy_notice_injector.PrivacyNoticeInjectorPlugin'],
    load: () => import('./privacy-notice.js'),
  },
  {
    name: 'robots-license',
    python: ['plugins.robots_license_guard.robots_license_guard.RobotsLicenseGuardPlugin'],
    load: () => import('./robots-license.js'),
  },
  {
    name: 'license-header',
    python: ['plugins.license_header_injector.license_header_injector.LicenseHeaderInjectorPlugin'],
    load: () => import('./license-header.js'),
  },
  {
    name: 'code-format',
    python: ['plugins.code_formatter.code_formatter.CodeFormatterPlugin'],
    load: () => import('./code-format.js'),
  },
  {
    name: 'timezone',
    python: ['plugins.timezone_translator.timezone_translator.TimezoneTranslatorPlugin'],
    load: () => import('./timezone.js'),
  },
  {
    name: 'encoded-exfiltration',
    python: [
      'cpex_encoded_exfil_detection.EncodedExfilDetectorPlugin',
      'cpex_encoded_exfil_detection.encoded_exfil_detection.EncodedExfilDetectorPlugin',
      'plugins.encoded_exfil_detection.encoded_exfil_detector.EncodedExfilDetectorPlugin',
    ],
    load: () => import('./encoded-exfiltration/index.js'),
  },
  {
    name: 'moderation',
    python: ['plugins.content_moderation.content_moderation.ContentModerationPlugin'],
    load: () => import('./moderation/index.js'),
  },
];

type Load = () => Promise<PluginDefinition>;

const byKind: ReadonlyMap<string, Load> = new Map(
  bundledTable.flatMap(({ name, python, load }): [string, Load][] => [
    [`sallyport/${name}`, async () => (await load()).default],
    ...python.map((kind): [string, Load] => [
      kind,
      async () => {
        const module = await load();
        return module.contextforge ?? module.default;
      },
    ]),
  ]),
);

/** Every `kind` that names a plugin in the box. */
export const bundledKinds: readonly string[] = [...byKind.keys()];

/** The plugin in the box that a `kind` names; undefined where it names none. */
export const bundledPlugin = (kind: string): Promise<PluginDefinition> | undefined => byKind.get(kind)?.();

/** Whether the code of a plugin of this `kind` comes with this package. */
export const isBundledKind = (kind: string): boolean => byKind.has(kind);
