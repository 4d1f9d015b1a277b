/**
 * Whether what came through the gateway is what a direct connection shows. Two direct runs say what varies by itself
 * (times, ids, ports): there only the kind of value has to be the same. Undefined where all is equal, else what differs.
 */
export function difference(direct, again, through) {
  if (through === undefined) return 'was not asked';
  const told = ['heard', 'text'].map((part) => {
    if (part === 'text') return differentText(direct.text, again?.text, through.text);
    const lists = [direct, again ?? direct, through].map(({ heard }) => heard);
    if (lists[0].length !== lists[1].length) return undefined;
    const [first, second, third] = lists.map((list) => list.toSorted());
    if (first.length !== third.length) return `on the way: ${show(first)} became ${show(third)}`;
    const at = first.findIndex((text, index) => differentText(text, second[index], third[index]));
    return at < 0 ? undefined : `on the way: ${differentText(first[at], second[at], third[at])}`;
  });
  return told.find((one) => one !== undefined);
}

function differentText(direct, again, through) {
  if (direct === through) return undefined;
  const [kind, json] = split(direct);
  const [kindThrough, jsonThrough] = split(through);
  if (kind !== kindThrough) return `${cut(direct)} became ${cut(through)}`;
  const [, jsonAgain] = split(again ?? direct);
  const parsed = [json, jsonAgain, jsonThrough].map(parse);
  const found = differentValue(...parsed, '');
  if (found) return found;
  // What varies cannot be compared as it is written.
  if (direct !== (again ?? direct)) return undefined;
  return `the same values, written otherwise: ${firstDifference(direct, through)}`;
}

const split = (text) => [text.slice(0, text.indexOf(' ')), text.slice(text.indexOf(' ') + 1)];

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Where two values differ: `again` is what the first was another time, and tells what varies by itself. */
export function differentValue(direct, again, through, at) {
  if (isObject(direct) && isObject(through)) {
    const stable = isObject(again) ? again : direct;
    const keys = new Set([...Object.keys(direct), ...Object.keys(through)]);
    for (const key of keys) {
      if (!(key in through)) return `${at}/${key} is missing: ${cut(JSON.stringify(direct[key]))}`;
      if (!(key in direct)) return `${at}/${key} came in addition: ${cut(JSON.stringify(through[key]))}`;
      const found = differentValue(direct[key], stable[key] ?? direct[key], through[key], `${at}/${key}`);
      if (found) return found;
    }
    return undefined;
  }
  if (Object.is(direct, through)) return undefined;
  const varies = JSON.stringify(direct) !== JSON.stringify(again);
  if (varies && typeof direct === typeof through) {
    if (typeof direct !== 'string' || sameBesideWhatVaries(direct, String(again), through)) return undefined;
  }
  return `${at}: ${cut(JSON.stringify(direct))} became ${cut(JSON.stringify(through))}`;
}

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
