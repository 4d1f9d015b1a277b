/** Placeholder until the peers' rows are here. */
export const ids = [];
export const run = async () => [];
