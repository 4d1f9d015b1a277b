// Before anything is drawn, so that a page which was set to dark does not come up light. A plain script: modules run later.
(() => {
  const key = 'sallyport.scheme';
  const kept = localStorage.getItem(key);
  if (kept === 'dark' || kept === 'light') document.documentElement.dataset['scheme'] = kept;
})();
