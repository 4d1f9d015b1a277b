import { z } from 'zod';
import { messageOf } from '../errors.js';
import { modify, proceed } from '../plugin/index.js';
import { defineFilter, settings } from './filter.js';
import { mapTexts, type Place } from './text/index.js';

/** A time zone, by what it makes of an instant: its offset in milliseconds. */
type Zone = (instant: number) => number;

const zone = z.string().transform((name, context): Zone => {
  try {
    return zoneOf(name);
  } catch (error) {
    context.addIssue({ code: 'custom', message: `not a time zone of the IANA list: ${messageOf(error)}` });
    return z.NEVER;
  }
});

export default defineFilter({
  page: {
    title: 'Time zones',
    summary:
      'writes timestamps of results in the time zone of the user, or those of arguments in that of the server',
    notes:
      'A timestamp is `2025-01-01T12:00`, with seconds and an offset or without. One without an offset is of the zone that it comes from.',
    examples: [
      {
        title: 'A result for a user in New York',
        config: { user_tz: 'America/New_York' },
        hook: 'tool_post_invoke',
        payload: {
          name: 'calendar',
          result: { content: [{ type: 'text', text: 'It begins at 2025-01-01T12:00:00Z.' }] },
        },
      },
    ],
  },
  config: settings({
    user_tz: zone.prefault('UTC').describe('The time zone of the user.'),
    server_tz: zone.prefault('UTC').describe('The time zone of the server.'),
    direction: z
      .enum(['to_user', 'to_server'])
      .default('to_user')
      .describe('`to_user` changes results of tools, `to_server` their arguments.'),
    fields: z
      .array(z.string())
      .nullable()
      .default(null)
      .describe('Of arguments, the only fields to change; null is all.'),
  }),
  setup({ user_tz, server_tz, direction, fields }) {
    const chosen = fields !== null && fields.length > 0 ? new Set(fields) : undefined;
    const isChosen = (pointer: string) =>
      chosen === undefined ||
      pointer
        .split('/')
        .slice(2)
        .every((part) => /^\d+$/.test(part) || chosen.has(part));
    const [from, to] = direction === 'to_user' ? [server_tz, user_tz] : [user_tz, server_tz];
    const change = <P>(hook: string, payload: P, isMeant: (place: Place) => boolean) => {
      const changed = mapTexts(hook, payload, (text, place) =>
        isMeant(place) ? translate(text, from, to) : text,
      );
      return changed === payload ? proceed() : modify(changed);
    };
    return {
      hooks: {
        tool_pre_invoke: (payload) =>
          direction === 'to_server'
            ? change('tool_pre_invoke', payload, (place) => isChosen(place.pointer()))
            : proceed(),
        tool_post_invoke: (payload) =>
          direction === 'to_user' ? change('tool_post_invoke', payload, () => true) : proceed(),
      },
    };
  },
});

const timestamp =
  /\b(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2}))?(?:([+-])(\d{2}):?(\d{2})|(Z))?\b/g;

function translate(text: string, from: Zone, to: Zone): string {
  return text.replace(timestamp, (written, ...groups: (string | undefined)[]) => {
    const [year, month, day, hour, minute, second = '0', sign, hours, minutes, utc] = groups;
    const parts = [year, Number(month) - 1, day, hour, minute, second].map(Number);
    const wall = Date.UTC(...(parts as [number, number, number, number, number, number]));
    const back = new Date(wall);
    const valid =
      back.getUTCMonth() === parts[1] && back.getUTCDate() === parts[2] && back.getUTCHours() === parts[3];
    if (!valid || Number(minute) > 59 || Number(second) > 59) return written;
    const offset = (Number(hours) * 60 + Number(minutes)) * 60_000 * (sign === '-' ? -1 : 1);
    return inZone(sign || utc ? wall - (utc ? 0 : offset) : instantOf(wall, from), to);
  });
}

/** The instant of a time on the wall. Of two the first; of none, as if the clock had not been put forward. */
function instantOf(wall: number, at: Zone): number {
  const day = 86_400_000;
  const [before, after] = [at(wall - day), at(wall + day)];
  return at(wall - before) !== before && at(wall - after) === after ? wall - after : wall - before;
}

function inZone(instant: number, at: Zone): string {
  const offset = at(instant);
  const minutes = Math.abs(Math.trunc(offset / 60_000));
  const two = (number: number) => String(number).padStart(2, '0');
  const wall = new Date(instant + offset).toISOString().slice(0, 19);
  return `${wall}${offset < 0 ? '-' : '+'}${two(Math.trunc(minutes / 60))}:${two(minutes % 60)}`;
}

function zoneOf(timeZone: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  return (instant) => {
    const parts = new Map(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
    const of = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
    const wall = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
    return wall - Math.floor(instant / 1000) * 1000;
  };
}
