/**
 * Waits until a file that is being written has been written: until it has held the same for a while. Each event has it
 * looked at again at once, so that what was half there when it was first read does not keep the whole waiting.
 */
import { type Duration, Effect } from "effect"

/** The same contents for so long, in milliseconds: whoever writes has written. */
const QUIET = 40
/** The same for a text that ends within a line, as one does that is written in pieces. */
const QUIET_WITHIN_LINE = 200
/** Events come by many: they are answered together. */
const TOGETHER: Duration.DurationInput = "5 millis"
/** So long after the first event it is taken even so: somebody may write all the time. */
const LATEST = 5_000

const quietOf = (content: string | undefined): number =>
  content === undefined || content === "" || content.endsWith("\n") ? QUIET : QUIET_WITHIN_LINE

/**
 * The contents once they stay the same. Events alone do not tell: one may still be on its way, and others are about other
 * files, so the wait begins anew only where the contents have changed.
 */
export const settled = Effect.fnUntraced(function* (
  read: Effect.Effect<string | undefined>,
  touched: Effect.Latch
): Effect.fn.Return<string | undefined> {
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const since = now()
  yield* touched.close
  let content = yield* read
  let until = now() + quietOf(content)
  while (true) {
    const told = yield* touched.await.pipe(Effect.timeoutOption(Math.max(0, until - now())))
    if (told._tag === "Some") yield* Effect.sleep(TOGETHER)
    yield* touched.close
    const found = yield* read
    if (found !== content) until = now() + quietOf(found)
    else if (now() >= until) return found
    if (now() - since >= LATEST) return found
    content = found
  }
})
