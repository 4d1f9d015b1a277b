import { EcsFlat } from '@elastic/ecs';

interface Definition {
  readonly type: string;
  readonly normalize: readonly string[];
  readonly allowed_values?: readonly { readonly name: string }[];
}
/** What the schema says of each of its fields. */
export const ecsDefinitions = EcsFlat as unknown as Readonly<Record<string, Definition>>;

export type EcsLine = Readonly<Record<string, unknown>>;

/** What of a line is not as the schema has it. */
export function ecsFaults(line: EcsLine): string[] {
  return Object.entries(line).flatMap(([name, value]) => {
    if (name.startsWith('sallyport.'))
      return /^sallyport(\.[a-z_]+)+$/.test(name) ? [] : [`${name}: no such name`];
    const definition = ecsDefinitions[name];
    if (definition === undefined) return [`${name} is none of the schema's`];
    const { type, normalize, allowed_values: allowed } = definition;
    if (normalize.includes('array') !== Array.isArray(value)) return [`${name}: a list or none`];
    const wrong = [value].flat().filter((one) => {
      if (type === 'long') return !Number.isInteger(one);
      if (type === 'date') return Number.isNaN(Date.parse(String(one)));
      return (
        typeof one !== 'string' || (allowed?.length && !allowed.some(({ name: known }) => known === one))
      );
    });
    return wrong.map((one) => `${name}: ${JSON.stringify(one)} is no ${type}`);
  });
}
