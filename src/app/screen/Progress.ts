/**
 * Tells on a terminal what a command waits for, once it takes longer than a second.
 */
import { Effect, Schedule } from "effect"
import * as Terminal from "./Terminal.ts"

const SIGNS = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]
/** Erases the line. */
const CLEAR = "\r\u001b[2K"

const isTerminal = () => process.stderr.isTTY === true

/** Where stderr is no terminal, nothing is written: a log has no use for it. */
export const during = <A, E, R>(what: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    if (!isTerminal()) return effect
    let turns = 0
    const draw = Effect.sync(() => {
      const sign = SIGNS[turns++ % SIGNS.length]
      process.stderr.write(`${CLEAR}  ${Terminal.paint("dim", `${sign} ${what} (${Math.floor(turns / 8) + 1} s)`)}`)
    })
    const shown = Effect.delay(Effect.repeat(draw, Schedule.spaced("125 millis")), "1 second")
    const cleared = Effect.sync(() => {
      if (turns > 0) process.stderr.write(CLEAR)
    })
    return Effect.scoped(Effect.zipRight(Effect.forkScoped(shown), effect)).pipe(Effect.ensuring(cleared))
  })
