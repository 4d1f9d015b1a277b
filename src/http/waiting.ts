/** Waits for what several places bring about: each of them says when to look. */
export interface Waiting {
  look(): void;
  /** Resolves when `holds`, or after `withinMs`. */
  until(holds: () => boolean, withinMs: number): Promise<void>;
}

export function createWaiting(): Waiting {
  const looks = new Set<() => void>();
  return {
    look() {
      for (const look of looks) look();
    },
    until(holds, withinMs) {
      if (holds()) return Promise.resolve();
      return new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          looks.delete(look);
          resolve();
        };
        const look = () => {
          if (holds()) end();
        };
        const timer = setTimeout(end, withinMs);
        looks.add(look);
      });
    },
  };
}
