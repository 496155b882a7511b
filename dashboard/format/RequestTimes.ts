/**
 * A request's time as its parts, one after the other.
 */

export interface Times {
  readonly queue_ms: number | null
  readonly login_ms: number | null
  readonly first_token_ms: number | null
  readonly total_ms: number
}

export interface TimePart {
  readonly name: "queue" | "login" | "wait" | "answer"
  readonly millis: number
  /** In percent of the whole. */
  readonly from: number
  readonly share: number
}

/** `first_token_ms` counts from the arrival; what is unknown, and what took no time, is left out. */
export const timesOf = ({ first_token_ms, login_ms, queue_ms, total_ms }: Times): ReadonlyArray<TimePart> => {
  let left = Math.max(0, total_ms)
  const total = left
  const take = (millis: number) => {
    const taken = Math.min(Math.max(0, millis), left)
    left -= taken
    return taken
  }
  const queue = take(queue_ms ?? (first_token_ms === null ? total : 0))
  const login = take(login_ms ?? 0)
  const wait = take((first_token_ms ?? total) - queue - login)
  const all = { queue, login, wait, answer: left }
  let from = 0
  return (Object.keys(all) as ReadonlyArray<TimePart["name"]>).flatMap((name) => {
    const millis = all[name]
    if (!(millis > 0)) return []
    const share = (millis / total) * 100
    const part = { name, millis, from, share }
    from += share
    return [part]
  })
}
