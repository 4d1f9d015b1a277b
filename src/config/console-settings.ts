import { ConfigConsole, ConfigConsoleOpen } from '../errors.js';
import type { PathBase } from './files.js';
import { type adminKeys, consoleKeys } from './keys.js';
import { isLoopback, type Reading } from './reading.js';
import { type Field, type Fields, settingsOf, type ValuesOf, valuesOf } from './schema.js';
import type { ServerTlsSettings } from './tls-settings.js';

/** The page that shows what passes. */
export interface ConsoleSettings {
  readonly port: number;
  readonly host: string;
  /** Whether it serves with the TLS of the gateway. */
  readonly tls: boolean;
  readonly allowedHosts: readonly string[];
  /** Who may look by the authentication of the gateway. */
  readonly admins: readonly ValuesOf<typeof adminKeys>[];
}

const noPaths: PathBase = { cwd: '/', folder: '/', home: undefined, exists: () => false };

/** What counts where `--console` asks for the page and the file says nothing of it. */
export const consoleDefaults: ConsoleSettings = {
  ...settingsOf(consoleKeys, {}, noPaths),
  tls: false,
  admins: [],
};

/** `gateway.console`. What would be open to others, or to nobody, is a problem. */
export function consoleSettings(
  { value: fields = {}, place }: Field<Fields<typeof consoleKeys>>,
  gateway: { readonly auth: string | undefined; readonly tls: ServerTlsSettings | undefined },
  { problems, paths }: Reading,
): ConsoleSettings {
  const settings = settingsOf(consoleKeys, fields, paths);
  const admins = (fields.admins?.value ?? []).flatMap(({ value }) =>
    value?.user?.value === undefined ? [] : [valuesOf(consoleKeys.admins.type.keys, value)],
  );
  const { auth } = gateway;
  const refuse = (field: Field<unknown> | undefined, problem: string, instead: string) =>
    problems.add(ConfigConsole({ at: field?.place ?? place, problem, instead }));
  const open = !isLoopback(settings.host);
  const tls = settings.tls ?? (gateway.tls !== undefined && (open || (auth === 'mtls' && admins.length > 0)));
  if (settings.tls === true && gateway.tls === undefined)
    refuse(fields.tls, 'tls is true, and the gateway has none', 'give gateway.tls, or remove tls');
  if (admins.length > 0 && auth === 'none')
    refuse(
      fields.admins,
      'admins are named, and gateway.auth is none: nobody is known by a name',
      'set gateway.auth to bearer, jwt or mtls; or remove admins: whoever has a link may look',
    );
  if (admins.length > 0 && auth === 'mtls' && !tls)
    refuse(fields.tls, 'admins are known by certificates, and tls is false', 'remove tls');
  if (open && (!tls || admins.length === 0)) {
    const lacks = [...(tls ? [] : ['has no TLS']), ...(admins.length > 0 ? [] : ['names no admins'])];
    problems.add(
      ConfigConsoleOpen({ at: fields.host?.place ?? place, host: settings.host, lacks: lacks.join(' and ') }),
    );
  }
  return { ...settings, tls, admins };
}
