/** @typedef {'system' | 'dark' | 'light'} Scheme */

const key = 'sallyport.scheme';

/** @returns {Scheme} */
export function chosenScheme() {
  const kept = localStorage.getItem(key);
  return kept === 'dark' || kept === 'light' ? kept : 'system';
}

/** Shows it and keeps it, where the browser keeps anything. @param {Scheme} scheme */
export function chooseScheme(scheme) {
  if (scheme === 'system') {
    delete document.documentElement.dataset['scheme'];
    localStorage.removeItem(key);
  } else {
    document.documentElement.dataset['scheme'] = scheme;
    localStorage.setItem(key, scheme);
  }
}

/** @param {Scheme} scheme @returns {Scheme} */
export function nextScheme(scheme) {
  if (scheme === 'system') return 'dark';
  return scheme === 'dark' ? 'light' : 'system';
}

const dark = matchMedia('(prefers-color-scheme: dark)');

/** What is seen in the end. @param {Scheme} scheme */
export const seenScheme = (scheme) => (scheme === 'system' ? (dark.matches ? 'dark' : 'light') : scheme);

/** @param {() => void} listener */
export const onSystemScheme = (listener) => dark.addEventListener('change', listener);
