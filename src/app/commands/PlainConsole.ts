/**
 * Strips colours from output that does not go to a terminal.
 */
import { stripVTControlCharacters } from "node:util"
import { Effect } from "effect"

type Output = (...args: ReadonlyArray<unknown>) => Effect.Effect<void>

const plain =
  (output: Output): Output =>
  (...args) =>
    output(...args.map((one) => (typeof one === "string" ? stripVTControlCharacters(one) : one)))

const isColoured = (stream: NodeJS.WriteStream) => stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""

export const wrap = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.consoleWith((console) =>
    Effect.withConsole(effect, {
      ...console,
      log: isColoured(process.stdout) ? console.log : plain(console.log),
      error: isColoured(process.stderr) ? console.error : plain(console.error)
    })
  )
