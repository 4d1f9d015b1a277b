import {
  ConfigDuplicateServer,
  type ConfigPlace,
  ConfigServer,
  ConfigServerName,
  placeText,
} from '../errors.js';
import type { RulesSettings } from '../policy/index.js';
import { shown } from './problems.js';
import { given, type Reading } from './reading.js';
import { rulesSettings } from './rules-settings.js';
import type { Field, Fields } from './schema.js';
import type { offeredResourceKeys, offeredToolKeys, virtualServerKeys } from './virtual-keys.js';

/** One entry of a list of a virtual server: a tool, prompt or resource, or all that match a pattern. */
export interface OfferedEntry {
  /** The name or URI at `/mcp`. With `*` it is a pattern, and all else is absent. */
  readonly name: string;
  /** The name that it has here; absent: the same. */
  readonly as?: string;
  readonly title?: string;
  readonly description?: string;
  /** Arguments that a call has where it does not say otherwise. */
  readonly defaults?: Readonly<Record<string, unknown>>;
  /** Arguments that every call has. */
  readonly fixed?: Readonly<Record<string, unknown>>;
}

/** A virtual server: a part of what the upstreams offer, at a path of its own. */
export interface VirtualServerSettings {
  readonly name: string;
  readonly title?: string;
  readonly instructions?: string;
  readonly tools: readonly OfferedEntry[];
  readonly prompts: readonly OfferedEntry[];
  readonly resources: readonly OfferedEntry[];
  /** Asked beside those of the gateway; absent: it has none of its own. */
  readonly rules?: RulesSettings;
}

type ServerFields = Fields<typeof virtualServerKeys>;
type EntryFields = Fields<typeof offeredToolKeys> & Fields<typeof offeredResourceKeys>;
type Refuse = (at: ConfigPlace, problem: string, instead: string) => void;

/** What names of tools may be, as far as `as` has to know. */
interface NameForm {
  readonly maxLength: number;
  readonly characters: 'model' | 'any';
}

/** Whether a name stands for all that match it. In a URI template (RFC 6570) the `*` has another meaning. */
export const isPattern = (name: string): boolean => name.includes('*') && !name.includes('{');

/** `gateway.servers`. What is wrong with one does not keep the others from being looked at. */
export function virtualServers(
  field: Field<Readonly<Record<string, Field<ServerFields>>>> | undefined,
  names: NameForm,
  { problems }: Reading,
): VirtualServerSettings[] {
  const first = new Map<string, ConfigPlace>();
  return Object.entries(field?.value ?? {}).flatMap(([name, { value, place: at }]) => {
    const before = first.get(name.toLowerCase());
    if (before) problems.add(ConfigDuplicateServer({ at, name: shown(name), first: placeText(before) }));
    else first.set(name.toLowerCase(), at);
    // It stands in the path of a URL as it is.
    if (!/^[A-Za-z0-9._-]{1,64}$/.test(name) || /^\.+$/.test(name))
      problems.add(ConfigServerName({ at, name: shown(name) }));
    if (value === undefined) return [];
    const refuse: Refuse = (place, problem, instead) =>
      problems.add(ConfigServer({ at: place, server: shown(name), problem, instead }));
    const { tools, prompts, resources, rules, rules_default: otherwise } = value;
    if ([tools, prompts, resources].every((list) => list === undefined || list.value?.length === 0))
      refuse(at, 'it offers nothing', "give tools:, prompts: or resources:, lists of names ('*' for all)");
    return [
      {
        name,
        ...given('title', value.title?.value),
        ...given('instructions', value.instructions?.value),
        tools: entriesOf('tool', tools, names, refuse),
        prompts: entriesOf('prompt', prompts, { ...names, characters: 'any' }, refuse),
        resources: entriesOf('resource', resources, undefined, refuse),
        ...given(
          'rules',
          (rules ?? otherwise) && rulesSettings(rules, undefined, otherwise?.value, problems),
        ),
      },
    ];
  });
}

function entriesOf(
  what: string,
  field: Field<readonly Field<Partial<EntryFields>>[]> | undefined,
  names: NameForm | undefined,
  refuse: Refuse,
): OfferedEntry[] {
  const seen = new Map<string, ConfigPlace>();
  return (field?.value ?? []).flatMap(({ value, place }) => {
    const name = value?.name?.value ?? value?.uri?.value;
    if (value === undefined || name === undefined) return [];
    const { as, title, description, defaults, fixed } = value;
    const own = { as, title, description, defaults, fixed };
    const [more] = Object.entries(own).filter(([, one]) => one !== undefined);
    if (isPattern(name) && more?.[1] !== undefined)
      refuse(
        more[1].place,
        `${shown(name)} stands for all that match, and has ${more[0]}`,
        `give ${more[0]} to entries with a whole name`,
      );
    const public_ = as?.value ?? name;
    const before = seen.get(public_);
    if (before)
      refuse(
        as?.place ?? place,
        `the ${what} ${shown(public_)} is offered twice, first at ${placeText(before)}`,
        'give each a name of its own with as:',
      );
    else seen.set(public_, as?.place ?? place);
    if (as?.value !== undefined && names !== undefined && !fits(as.value, names))
      refuse(
        as.place,
        `${shown(as.value)} cannot be the name of a ${what}`,
        names.characters === 'any'
          ? `take at most ${names.maxLength} characters, or raise tool_names.max_length`
          : `take letters, digits, _ and -, at most ${names.maxLength}, or see gateway.tool_names`,
      );
    for (const argument of Object.keys(defaults?.value ?? {}))
      if (defaults && Object.hasOwn(fixed?.value ?? {}, argument))
        refuse(
          defaults.place,
          `the argument ${shown(argument)} is in defaults and in fixed`,
          'keep one of the two',
        );
    return [
      {
        name,
        ...given('as', as?.value),
        ...given('title', title?.value),
        ...given('description', description?.value),
        ...given('defaults', defaults?.value),
        ...given('fixed', fixed?.value),
      },
    ];
  });
}

function fits(name: string, { maxLength, characters }: NameForm): boolean {
  return name.length <= maxLength && (characters === 'any' || /^[A-Za-z0-9_-]+$/.test(name));
}
