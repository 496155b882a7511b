/**
 * What is most pressing among all that is wrong, in one sentence, with what mends it. Pure.
 */
import type { InstanceView, Overview, Problem } from "./Overview.ts"

type View = typeof InstanceView.Type
type Found = typeof Problem.Type

export interface Circumstances extends Pick<Overview, "draining" | "instances"> {
  /** Chats were turned away lately, because the process had too much to do, or the queue was full. */
  readonly isOverloaded: boolean
  readonly isQueueFull: boolean
}

const time = (until: string | null) => (until === null ? "" : `, again at ${until}`)
const of = ({ reason }: View) => (reason === null ? "" : `: ${reason}`)

const signedOut = (view: View): Found => ({
  code: view.login?.startsWith("login_failed") === true ? "login_failed" : "signed_out",
  instance: view.name,
  action: "sign_in",
  message: `No account is signed in at ${view.name}${of(view)}.`
})

const waits = (view: View): Found => ({
  code: "signed_out",
  instance: view.name,
  // A person may have lost the address.
  action: view.login_url === null ? null : "sign_in",
  message: `${view.name} is being signed in.`
})

const resting = (view: View): Found =>
  view.ready
    ? {
        code: "quota_used_up",
        instance: view.name,
        action: "retry",
        message: `The quota of ${view.name} is used up${time(view.until)}.`
      }
    : {
        code: "failing",
        instance: view.name,
        action: "retry",
        message: `${view.name} gets no chats${of(view)}.`
      }

const notRunning = (view: View): Found => ({
  code: "not_running",
  instance: view.name,
  action: "retry",
  message: `${view.name} is not running${of(view)}.`
})

const told: Readonly<Partial<Record<View["state"], (view: View) => Found>>> = {
  signed_out: signedOut,
  signing_in: waits,
  resting,
  restarting: notRunning
}
const order = ["signed_out", "resting", "restarting", "signing_in"] as const

const first = (instances: ReadonlyArray<View>): Found | undefined => {
  for (const state of order) {
    const view = instances.find((one) => one.state === state)
    if (view !== undefined) return told[state]?.(view)
  }
  return undefined
}

/** The one that serves again first. */
const soonest = (views: ReadonlyArray<View>) =>
  views.toSorted((a, b) => ((a.until ?? "~") < (b.until ?? "~") ? -1 : 1))[0]

export const find = (given: Circumstances): Found | null => {
  const { draining, instances, isOverloaded, isQueueFull } = given
  const plain = { instance: null, action: null }
  if (draining) return { code: "draining", ...plain, message: "The gateway is shutting down." }
  const spent = instances.filter(({ ready, state }) => ready && state === "resting")
  const serves = instances.some(({ state }) => state === "serving" || state === "attached")
  const next = soonest(spent)
  // What a person can mend comes before what mends itself.
  if (!serves) {
    const mendable = first(instances.filter(({ state }) => state === "signed_out"))
    if (mendable !== undefined) return mendable
    if (next !== undefined && spent.length === instances.length && spent.length > 1)
      return { ...resting(next), message: `The quota of all accounts is used up${time(next.until)}.` }
  }
  if (isOverloaded)
    return { code: "overloaded", ...plain, message: "The process has too much to do, and turns chats away." }
  if (isQueueFull)
    return {
      code: "queue_full",
      ...plain,
      message: "Chats find no place: more accounts are needed, or a larger GATEWAY_MAX_IN_FLIGHT."
    }
  return first(instances) ?? null
}
