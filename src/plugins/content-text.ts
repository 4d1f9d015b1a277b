import type { Place } from './text/index.js';

/** Whether a text is what a reader gets: that of a content block, of a resource, or a result that is a text by itself. */
export const isContentText = (place: Place): boolean =>
  /^\/result$|\/text$|^\/content$/.test(place.pointer());
