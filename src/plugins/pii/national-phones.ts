import type { CountryCode } from 'libphonenumber-js';
import { FilterPeerMissing, PluginConfigInvalid } from '../../errors.js';
import type { Groups } from './groups.js';

/**
 * What finds phone numbers as they are written in some countries.
 *
 * @throws SALLY_FILTER_PEER where `libphonenumber-js` is not installed
 */
export async function nationalPhones(
  plugin: string,
  regions: readonly string[],
): Promise<(text: string, groups: Groups) => number> {
  const { isSupportedCountry, parsePhoneNumberFromString: parse } = await import(
    'libphonenumber-js/min'
  ).catch((error: unknown) => {
    throw FilterPeerMissing(
      { plugin, needs: `phone_regions: [${regions.join(', ')}]`, install: 'libphonenumber-js' },
      error,
    );
  });
  const unknown = regions.find((region) => !isSupportedCountry(region));
  if (unknown !== undefined)
    throw PluginConfigInvalid({ plugin, problems: [`config.phone_regions: there is no country ${unknown}`] });
  return (text, { starts, ends, digits }) => {
    const start = starts[0] ?? 0;
    for (let count = ends.length; count > 0; count -= 1) {
      const { length } = digits[count - 1] ?? '';
      if (length < 7) return 0;
      if (length > 15) continue;
      // A row of digits alone is a date or an amount as well: a phone number has groups, or the 0 that it begins with.
      if (count === 1 && !text.startsWith('0', start)) return 0;
      const written = text.slice(start, ends[count - 1]);
      if (
        regions.some((region) =>
          parse(written, { defaultCountry: region as CountryCode, extract: false })?.isValid(),
        )
      )
        return count;
    }
    return 0;
  };
}
