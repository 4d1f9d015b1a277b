import { type ConfigOptions, type PluginsConfig, parseConfig } from '../../src/config/index.js';
import { ConfigInvalid, type ConfigPlace, placeText, type SallyError } from '../../src/errors.js';

type Options = Partial<ConfigOptions> & { readonly exists?: (path: string) => boolean };

/** Parses as the gateway does, in /srv/app with the file /srv/app/conf/p.yaml, where nothing exists. */
export function parse(text: string, options: Options = {}): PluginsConfig {
  return parseConfig(text, {
    path: 'conf/p.yaml',
    cwd: '/srv/app',
    env: {},
    home: '/home/me',
    side: 'gateway',
    exists: () => false,
    ...options,
  });
}

/** The error that parsing ends with: fails where it does not. */
export function invalid(text: string, options: Options = {}): SallyError {
  try {
    parse(text, options);
  } catch (error) {
    if (ConfigInvalid.is(error)) return error;
    throw error;
  }
  return ConfigInvalid({ path: 'nothing was wrong', problems: [] });
}

/** Every problem as `place CODE`. */
export function problems(text: string, options: Options = {}): string[] {
  return listed(invalid(text, options));
}

export function listed(error: unknown): string[] {
  if (!ConfigInvalid.is(error)) throw error;
  return error.context.problems.map((problem) => {
    const { at } = problem.context as { at: ConfigPlace };
    return `${placeText(at).replace('conf/p.yaml:', '')} ${problem.code.replace('SALLY_CONFIG_', '')}`;
  });
}

export function warnings(config: PluginsConfig): string[] {
  return config.warnings.map(({ code }) => code.replace('SALLY_CONFIG_', ''));
}

/** One external entry, with `tls` lines under mcp.tls. */
export function external(url: string, tls: readonly string[] = []): string {
  const block = tls.length === 0 ? [] : ['      tls:', ...tls.map((line) => `        ${line}`)];
  return [
    'plugins:',
    '  - name: Remote',
    '    kind: external',
    '    mcp:',
    `      url: ${url}`,
    ...block,
    '',
  ].join('\n');
}

/** A file without plugins, with `tls` lines under server_settings.tls. */
export function serving(settings: readonly string[], tls: readonly string[] = []): string {
  const block = tls.length === 0 ? [] : ['  tls:', ...tls.map((line) => `    ${line}`)];
  return ['plugins: []', 'server_settings:', ...settings.map((line) => `  ${line}`), ...block, ''].join('\n');
}
