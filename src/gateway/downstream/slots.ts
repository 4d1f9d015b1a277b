/** Room for so many things at once, altogether and for each principal. */
export interface Slots {
  /** Takes one, or says whose limit is in the way. `who` is undefined where nobody is known: only the total counts. */
  take(who: string | undefined): 'taken' | 'full' | 'full-for-one';
  give(who: string | undefined): void;
  readonly taken: number;
}

export function createSlots(limit: number, limitForOne: number): Slots {
  let taken = 0;
  const byWho = new Map<string, number>();
  return {
    get taken() {
      return taken;
    },
    take(who) {
      if (taken >= limit) return 'full';
      if (who !== undefined) {
        const own = byWho.get(who) ?? 0;
        if (own >= limitForOne) return 'full-for-one';
        byWho.set(who, own + 1);
      }
      taken += 1;
      return 'taken';
    },
    give(who) {
      taken -= 1;
      if (who === undefined) return;
      const own = (byWho.get(who) ?? 1) - 1;
      if (own > 0) byWho.set(who, own);
      else byWho.delete(who);
    },
  };
}
