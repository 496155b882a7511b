/**
 * Keeps Lingma's work directory for one gateway.
 */
import { Data, Effect, type Scope } from "effect"
import * as DirectoryLock from "../../runtime/DirectoryLock.ts"

/** Error: another gateway uses the work directory. */
export class WorkDirInUse extends Data.TaggedError("WorkDirInUse")<{
  /** Pid of the other gateway, in its own pid namespace. */
  readonly pid: number
}> {
  override get message() {
    return `LINGMA_WORK_DIR is in use by another gateway (pid ${this.pid}): stop that one, or choose another directory`
  }
}

/** Held until the scope closes; where no lock can be made, a warning is logged. */
export const hold = (dir: string): Effect.Effect<void, WorkDirInUse, Scope.Scope> =>
  Effect.catchTag(DirectoryLock.hold(dir, "gateway"), "Held", ({ pid }) => new WorkDirInUse({ pid }))
