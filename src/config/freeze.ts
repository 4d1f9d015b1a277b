/** `value`, with every plain object and array in it frozen. URLs and errors stay as they are. */
export function deepFreeze<T>(value: T): T {
  if (Array.isArray(value)) value.forEach(deepFreeze);
  else if (isPlain(value)) Object.values(value).forEach(deepFreeze);
  else return value;
  return Object.freeze(value);
}

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
