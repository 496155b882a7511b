/**
 * Work for many things that come at once, done a few in each turn of the event loop, so that others are served between.
 */

/** Returns what takes one thing. In order, each once; `work` must not throw. */
export const spread = <A>(perTurn: number, work: (thing: A) => void): ((thing: A) => void) => {
  let waiting: Array<A> = []
  let next = 0
  const turn = () => {
    const end = Math.min(next + perTurn, waiting.length)
    while (next < end) work(waiting[next++] as A)
    if (next < waiting.length) return void setImmediate(turn)
    waiting = []
    next = 0
  }
  return (thing) => {
    if (waiting.push(thing) === 1) setImmediate(turn)
  }
}
