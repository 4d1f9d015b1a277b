/** Looks again where something differs that has no explanation, and keeps what differs both times. */
export async function twice(look, isKnown) {
  const cell = await look();
  const odd = Object.entries(cell).filter(([key, differences]) => differences && !isKnown(key, differences));
  if (odd.length === 0) return cell;
  const again = await look();
  const late = odd
    .filter(([key]) => key in again && again[key] === undefined)
    .map(([key]) => [key, undefined]);
  return { ...(cell['the connection'] ? again : cell), ...Object.fromEntries(late) };
}
