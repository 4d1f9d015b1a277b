import { gatewayKeys } from './gateway-keys.js';
import { pluginKeys, serverKeys, settingsKeys } from './keys.js';
import { type Keys, typeText } from './schema.js';

const texts = { kind: 'texts' } as const;

export const fileKeys = {
  plugins: {
    type: { kind: 'maps', keys: pluginKeys },
    meaning: 'the plugins; may be left out beside a gateway block',
  },
  plugin_dirs: { type: texts, ifNull: 'absent', meaning: 'without effect here' },
  plugin_settings: {
    type: { kind: 'map', keys: settingsKeys },
    ifNull: 'absent',
    meaning: 'how plugins are run',
  },
  server_settings: {
    type: { kind: 'map', keys: serverKeys },
    ifNull: 'absent',
    meaning: 'where the plugin server serves',
  },
  gateway: {
    type: { kind: 'map', keys: gatewayKeys },
    ifNull: 'empty',
    meaning: 'the MCP gateway: where it serves, to whom, and what is behind it',
  },
} as const satisfies Keys;

/** One row of the reference table of YAML keys. */
export interface KeyRow {
  /** Such as `plugins[].mcp.tls.certfile`. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly default?: string;
  readonly meaning: string;
}

function rows(keys: Keys, prefix: string): KeyRow[] {
  return Object.entries(keys).flatMap(([name, key]) => {
    const path = `${prefix}${name}`;
    const row = { path, type: typeText(key.type), required: key.required ?? false, meaning: key.meaning };
    const inner =
      key.type.kind === 'map'
        ? rows(key.type.keys, `${path}.`)
        : key.type.kind === 'maps'
          ? rows(key.type.keys, `${path}[].`)
          : key.type.kind === 'named' && key.type.of.kind === 'map'
            ? rows(key.type.of.keys, `${path}.NAME.`)
            : [];
    return [key.default === undefined ? row : { ...row, default: key.default }, ...inner];
  });
}

/** Every YAML key that is known, in the order of the file. */
export const keyTable: readonly KeyRow[] = rows(fileKeys, '');
