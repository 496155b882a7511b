/**
 * How a command ends that does not succeed.
 */
import { Data } from "effect"

/** A command failed with an exit code and messages. */
export class Ended extends Data.TaggedError("Ended")<{
  readonly code: number
  /** Empty if the error was already printed. */
  readonly lines: ReadonlyArray<string>
}> {}
