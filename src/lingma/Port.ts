/**
 * Ports on the loopback address for the children.
 */
import { createServer } from "node:net"
import { Effect } from "effect"

/** Listens for a moment; the port that was got, or undefined when it is taken. 0 takes any. */
const probe = (port: number): Effect.Effect<number | undefined> =>
  Effect.async((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(undefined)))
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resume(Effect.succeed(typeof address === "object" ? address?.port : undefined)))
    })
  })

/** The wanted port if nobody has it, else a free one. */
export const claim = (wanted: number): Effect.Effect<number> =>
  Effect.flatMap(probe(wanted), (port) =>
    port !== undefined
      ? Effect.succeed(port)
      : Effect.flatMap(probe(0), (free) =>
          free !== undefined ? Effect.succeed(free) : Effect.dieMessage("no free port")
        )
  )
