/**
 * Whether what came through the gateway is what a direct connection shows. Two direct runs say what varies by itself
 * (times, ids, ports): there only the kind of value has to be the same. Undefined where all is equal, else all that differs.
 */
export function difference(direct, again, through) {
  if (through === undefined) return ['was not asked'];
  const told = [
    ...differentlyHeard(...[direct, again ?? direct, through].map(({ heard }) => heard.toSorted())),
    ...differentText(direct.text, again?.text, through.text),
  ];
  return told.length > 0 ? told : undefined;
}

function differentlyHeard(first, second, third) {
  if (first.length !== second.length) return [];
  if (first.length !== third.length) return [`on the way: ${show(first)} became ${show(third)}`];
  return first.flatMap((text, index) =>
    differentText(text, second[index], third[index]).map((one) => `on the way: ${one}`),
  );
}

function differentText(direct, again, through) {
  if (direct === through) return [];
  const [kind, json] = split(direct);
  const [kindThrough, jsonThrough] = split(through);
  const own = kindThrough === 'error' && gatewayError(parse(jsonThrough));
  if (own) return [`${cut(direct)} became ${own}`];
  if (kind !== kindThrough) return [`${cut(direct)} became ${cut(through)}`];
  const [, jsonAgain] = split(again ?? direct);
  const found = differentValues(...[json, jsonAgain, jsonThrough].map(parse), '');
  // What varies cannot be compared as it is written.
  if (found.length > 0 || direct !== (again ?? direct)) return found;
  return [`the same values, written otherwise: ${firstDifference(direct, through)}`];
}

/** An error of the gateway itself, by its code and message. */
function gatewayError({ code, message, data }) {
  return String(data?.code).startsWith('SALLY_') ? `${data.code} (${code}): ${message}` : undefined;
}

const split = (text) => [text.slice(0, text.indexOf(' ')), text.slice(text.indexOf(' ') + 1)];

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Everywhere two values differ: `again` is what the first was another time, and tells what varies by itself. */
export function differentValues(direct, again, through, at) {
  if (isObject(direct) && isObject(through)) {
    const stable = isObject(again) ? again : direct;
    const keys = [...new Set([...Object.keys(direct), ...Object.keys(through)])];
    return keys.flatMap((key) => {
      if (!(key in through)) return [`${at}/${key} is missing: ${cut(JSON.stringify(direct[key]))}`];
      if (!(key in direct)) return [`${at}/${key} came in addition: ${cut(JSON.stringify(through[key]))}`];
      return differentValues(direct[key], stable[key] ?? direct[key], through[key], `${at}/${key}`);
    });
  }
  if (Object.is(direct, through)) return [];
  const varies = JSON.stringify(direct) !== JSON.stringify(again);
  if (varies && typeof direct === typeof through) {
    if (typeof direct !== 'string' || sameBesideWhatVaries(direct, String(again), through)) return [];
  }
  if (typeof direct === 'string' && typeof through === 'string' && direct.length > 160)
    return [`${at}: ${firstDifference(direct, through)}`];
  return [`${at}: ${cut(JSON.stringify(direct))} became ${cut(JSON.stringify(through))}`];
}

/** Where a difference is, as it is told. */
export const placeOf = (difference) => difference.split(/:? /, 1)[0];

const isObject = (value) => typeof value === 'object' && value !== null;

/**
 * Word for word, with any number for a number (a time, an id). A text that came in another shape the second time may
 * have any.
 */
function sameBesideWhatVaries(direct, again, through) {
  const shape = (text) => text.replaceAll(/[\w.:-]*\d[\w.:-]*/g, '#');
  return shape(direct) !== shape(again) || shape(direct) === shape(through);
}

function firstDifference(one, other) {
  let at = 0;
  while (one[at] === other[at]) at += 1;
  const near = (text) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 30));
  return `${near(one)} became ${near(other)}`;
}

const show = (list) => (list.length === 0 ? 'nothing' : cut(list.join(', ')));
const cut = (text = '') => (text.length > 160 ? `${text.slice(0, 160)}…` : text);
