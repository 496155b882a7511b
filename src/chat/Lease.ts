/**
 * What a chat holds of an instance, and how it tells what became of it.
 */
import type * as Health from "../domain/Health.ts"
import type * as Spent from "../domain/Spent.ts"
import type { Backend } from "./Backend.ts"

/** A chat's hold on an instance, released when the scope closes. */
export interface Lease {
  readonly backend: Backend
  /** Whose quota it uses, where that was known when it was chosen. */
  readonly account: string | undefined
  /** The answer has begun: an instance on probation may get its next chat. */
  readonly answering: (model?: string) => void
  /**
   * Outcome of the chat, with a reason for administrators. Only the first call counts; without one it counts as
   * cancelled. `absent`: the instance did not get ready, which counts as a failure only if it had reported `ready`.
   * `exhausted`: the quota is spent, which counts against the model or the account, not against the instance.
   */
  readonly settle: (
    outcome: Exclude<Health.Outcome, "cancelled"> | "absent" | "exhausted",
    detail?: string,
    quota?: Spent.Quota
  ) => void
}
