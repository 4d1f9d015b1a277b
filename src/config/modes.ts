/** What a plugin's answer leads to. */
export interface ModeEffect {
  /** A violation ends the request, or is only logged. */
  readonly onViolation: 'block' | 'log';
  /** A failure of the plugin (error, timeout, unreachable) ends the request, or is only logged. */
  readonly onError: 'block' | 'log';
  /** Whether what the plugin changed is taken. */
  readonly modifies: boolean;
  /** Whether the request waits for the plugin. */
  readonly awaited: boolean;
  /** The name that peers of the 0.9/1.0 generation know: they reject the newer ones. */
  readonly legacy: 'enforce' | 'enforce_ignore_error' | 'permissive' | 'disabled';
}

const enforce = {
  onViolation: 'block',
  onError: 'block',
  modifies: true,
  awaited: true,
  legacy: 'enforce',
} as const;
const permissive = {
  onViolation: 'log',
  onError: 'log',
  modifies: true,
  awaited: true,
  legacy: 'permissive',
} as const;

/** Every mode of both vocabularies. `null`: the plugin never runs. */
export const modeTable = {
  enforce,
  enforce_ignore_error: { ...enforce, onError: 'log', legacy: 'enforce_ignore_error' },
  permissive,
  disabled: null,
  sequential: enforce,
  transform: permissive,
  audit: { ...permissive, modifies: false },
  concurrent: { ...enforce, modifies: false },
  fire_and_forget: { ...permissive, modifies: false, awaited: false },
} as const satisfies Record<string, ModeEffect | null>;

export type PluginMode = keyof typeof modeTable;
export const pluginModes = Object.keys(modeTable) as readonly PluginMode[];

/** `on_error` of the newer vocabulary: it overrides what the mode says of errors. */
export const onErrorValues = ['fail', 'ignore', 'disable'] as const;
export type OnError = (typeof onErrorValues)[number];

/** The effect of a mode and `on_error` together; null where the plugin never runs. */
export function modeEffect(mode: PluginMode, onError?: OnError): ModeEffect | null {
  const effect: ModeEffect | null = modeTable[mode];
  if (effect === null || onError === undefined) return effect;
  const block = onError === 'fail';
  const legacy = effect.onViolation === 'log' ? 'permissive' : block ? 'enforce' : 'enforce_ignore_error';
  return { ...effect, onError: block ? 'block' : 'log', legacy };
}

/** The mode's name as 0.9/1.0 peers know it. */
export function legacyModeName(mode: PluginMode, onError?: OnError): ModeEffect['legacy'] {
  return modeEffect(mode, onError)?.legacy ?? 'disabled';
}
