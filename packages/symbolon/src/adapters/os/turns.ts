/** Work of which so many pieces are done at a time; the others wait, in the order in which they came. */
export type Turns = <T>(work: () => Promise<T>) => Promise<T>;

/** @param atOnce at least 1 */
export function createTurns(atOnce: number): Turns {
  const waiting: (() => void)[] = [];
  let underWay = 0;

  return async (work) => {
    // A turn that is handed on stays counted: nobody who comes meanwhile gets it.
    if (underWay >= atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
    else underWay++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else underWay--;
    }
  };
}
