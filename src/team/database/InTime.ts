/**
 * An answer of the database within a time, for those whom somebody waits for.
 *
 * A process with too much to do serves the timer before an answer that came long ago: what has arrived is read first. To
 * go on without the database for that would let more requests pass than a limit, or find no response that is there.
 */
import { Data, Duration, Effect } from "effect"

export class Late extends Data.TaggedError("Late")<{ readonly message: string }> {}

/** What has arrived by now has been read. */
const afterInput = Effect.async<void>((resume) => void setImmediate(() => setImmediate(() => resume(Effect.void))))

/** What is late goes on by itself, and is not waited for. */
export const within = (patience: Duration.DurationInput) => {
  const late = new Late({ message: `no answer in ${Duration.toMillis(patience)} ms` })
  const end = Effect.sleep(patience).pipe(Effect.zipRight(afterInput), Effect.zipRight(late))
  return <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<A, E | Late> =>
    Effect.raceFirst(Effect.disconnect(effect), end)
}
