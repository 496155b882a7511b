/**
 * Work for many things that come at once, done a few in each turn of the event loop, so that others are served between.
 */

/** Returns what takes one thing: in order, each once, at most so many in a turn. */
export const spread = <A>(perTurn: number, work: (thing: A) => void): ((thing: A) => void) => {
  const waiting: Array<A> = []
  const turn = () => {
    const now = waiting.splice(0, perTurn)
    // Before the work: one that throws keeps none of the others waiting.
    if (waiting.length > 0) setImmediate(turn)
    for (const thing of now) work(thing)
  }
  return (thing) => {
    if (waiting.push(thing) === 1) setImmediate(turn)
  }
}
