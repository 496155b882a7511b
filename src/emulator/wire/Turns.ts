/**
 * Executes a plan: timing, faults and ending, common to both dialects; a `Voice` writes the dialect's messages.
 */

import * as Login from "../login/Login.ts"
import * as Endings from "../script/Endings.ts"
import * as Faults from "../script/Faults.ts"
import type { Plan } from "../script/Plan.ts"
import { type Link, type Message, plainFraming } from "../world/Link.ts"
import type { Turn, World } from "../world/World.ts"

export interface Figures {
  readonly usedTokens: number
  readonly limitTokens: number
  readonly promptTokens?: number
  readonly completionTokens?: number
}

/** Writes the events of a turn in a dialect. */
export interface Voice {
  readonly open: () => void
  readonly thought: (text: string) => void
  readonly thoughtsDone: () => void
  readonly text: (text: string) => void
  /** An empty delta, if the dialect has them. */
  readonly blank: () => void
  /** Events of other turns. */
  readonly stale: () => void
  readonly overwrite: (text: string) => void
  readonly tool: (onReply: (reply: Message | undefined) => void) => void
  readonly permission: (onReply: (reply: Message | undefined) => void) => void
  /** Asks the client whether to resume a turn that timed out. */
  readonly resume: (onAnswer: (accepted: boolean, reply: Message | undefined) => void) => void
  /** Replayed chunks of an old turn, if the dialect has them. */
  readonly replay: () => void
  readonly usage: (figures: Figures) => void
  readonly finish: (reason: string, statusCode: number, fullAnswer: string) => void
}

const broken = '{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":'

/** Faults that occur before a token; the others affect the whole turn. */
const momentary = new Set([
  ...["crash", "drop_socket", "stall", "malformed_json", "malformed_header", "bad_length", "huge_chunk"],
  ...["overwrite_answer", "unicode_split", "logout_mid", "tool_invoke", "permission", "resume"]
])

const placed = (plan: Plan): ReadonlyMap<number, ReadonlyArray<Faults.Fault>> | undefined => {
  const points = new Map<number, Array<Faults.Fault>>()
  for (const fault of plan.faults) {
    if (!momentary.has(fault.name) && !(fault.name === "finish_error" && fault.at !== undefined)) continue
    const at = Math.min(fault.at ?? 0, plan.pieces.length)
    points.set(at, [...(points.get(at) ?? []), fault])
  }
  return points.size === 0 ? undefined : points
}

export const play = (
  world: World,
  link: Link,
  ids: { readonly requestId: string; readonly sessionId: string },
  plan: Plan,
  voice: Voice
): Turn => {
  const { mark, pieces, thoughts, faults } = plan
  if (mark !== undefined) world.log(`turn ${mark} begun`)
  const points = placed(plan)
  const stale = Faults.has(faults, "stale_updates")
  let nextThought = 0
  let next = 0
  /** The last token whose faults were triggered, and those still pending. */
  let met = -1
  const due: Array<Faults.Fault> = []
  let ended = false
  let timer: NodeJS.Timeout | undefined
  let parked = false

  const end = (total: "turnsFinished" | "turnsCancelled" | "turnsDropped"): void => {
    ended = true
    clearTimeout(timer)
    world.turns.delete(turn)
    world.totals[total]++
    if (plan.split + plan.bytes + plan.join > 0) link.setFraming(plainFraming)
  }
  const soFar = (): string =>
    pieces
      .slice(0, next)
      .map((piece) => piece.text)
      .join("")
  const usage = (completionTokens: number): void => {
    const figures = { usedTokens: 64 + next, limitTokens: plan.limitTokens }
    voice.usage(plan.usage === 0 ? figures : { ...figures, promptTokens: plan.promptTokens, completionTokens })
  }
  const produced = (): void => {
    world.totals.tokens++
    if (turn.cancelled) world.totals.tokensAfterCancel++
  }
  const finish = (statusCode: number, reason = Endings.reasonOf(statusCode)): void => {
    parked = true
    const full = plan.full ? soFar() : ""
    usage(plan.completionTokens ?? nextThought + next)
    if (Faults.has(faults, "no_finish")) return
    voice.finish(reason, statusCode, full)
    if (Faults.has(faults, "duplicate_finish")) voice.finish(reason, statusCode, full)
    if (Faults.has(faults, "late_chunk")) voice.text("LATE")
    end("turnsFinished")
  }
  const resume = (): void => {
    parked = false
    schedule(0)
  }
  const remember = (kind: string, reply: Message | undefined): void => {
    world.toolAnswers.push({ kind, requestId: ids.requestId, answer: reply ?? null })
    if (world.toolAnswers.length > 100) world.toolAnswers.shift()
  }
  const record = (kind: string) => (reply: Message | undefined) => {
    remember(kind, reply)
    if (!ended) resume()
  }
  const park = (): void => {
    parked = true
  }
  const injections: Readonly<Record<string, (value: number | undefined) => void>> = {
    // Flush what was written before a crash or a cut.
    crash: () => {
      park()
      setTimeout(() => process.kill(process.pid, "SIGKILL"), 5)
    },
    drop_socket: () => {
      park()
      setTimeout(() => link.cut(), 5)
    },
    stall: park,
    malformed_json: () => link.sendRaw(`Content-Length: ${broken.length}\r\n\r\n${broken}`),
    malformed_header: () => link.sendRaw(`Contnt-Lenth: ${broken.length}\r\n\r\n${broken}`),
    bad_length: () => {
      park()
      link.sendRaw(`Content-Length: ${broken.length + 4096}\r\n\r\n${broken}`)
    },
    huge_chunk: (bytes) => voice.text("x".repeat(bytes ?? 0)),
    overwrite_answer: () => voice.overwrite(soFar()),
    unicode_split: () => {
      voice.text("\ud83d")
      voice.text("\ude00")
    },
    logout_mid: () => {
      Login.logout(world)
      finish(401)
    },
    finish_error: (code) => finish(code ?? 500, plan.reason),
    tool_invoke: () => {
      park()
      voice.tool(record("tool/invoke"))
    },
    permission: () => {
      park()
      voice.permission(record("session/request_permission"))
    },
    resume: () => {
      park()
      voice.resume((accepted, reply) => {
        remember("resume", reply)
        if (ended) return
        if (accepted) resume()
        else finish(Endings.RESUMABLE)
      })
    }
  }
  /** Sends one piece and returns the delay before the next; undefined if nothing follows by itself. */
  const advance = (): number | undefined => {
    if (nextThought < thoughts.length) {
      voice.thought(thoughts[nextThought++]!.text)
      produced()
      if (nextThought === thoughts.length) {
        voice.thoughtsDone()
        return pieces[0]?.delay ?? plan.interval
      }
      return thoughts[nextThought]!.delay ?? plan.interval
    }
    if (points !== undefined) {
      if (met < next) {
        met = next
        due.push(...(points.get(next) ?? []))
      }
      for (let fault = due.shift(); fault !== undefined; fault = due.shift()) {
        injections[fault.name]?.(fault.value)
        if (parked) return undefined
      }
    }
    if (next === pieces.length) {
      const fault = Faults.find(faults, "finish_error")
      if (fault !== undefined && fault.at === undefined) finish(fault.value ?? 500, plan.reason)
      else finish(200)
      return undefined
    }
    if (stale) voice.stale()
    voice.text(pieces[next++]!.text)
    produced()
    if (plan.usage > 0 && next % plan.usage === 0) usage(nextThought + next)
    if (plan.empty > 0 && next % plan.empty === 0) voice.blank()
    return pieces[next]?.delay ?? (next === pieces.length ? 0 : plan.interval)
  }
  const tick = (): void => {
    if (ended || parked) return
    let wait: number | undefined = 0
    link.cork()
    try {
      for (let n = 0; n < plan.burst && wait !== undefined; n++) {
        wait = advance()
        // An explicit delay of a piece applies even within a burst.
        if (pieces[next]?.delay !== undefined) break
      }
    } finally {
      link.uncork()
    }
    if (wait !== undefined) schedule(wait)
  }
  const schedule = (wait: number): void => {
    if (ended) return
    if (link.isFull()) link.whenDrained(tick)
    else if (plan.ackBlock && link.unanswered() > 0) link.whenQuiet(() => later(wait))
    else later(wait)
  }
  const later = (wait: number): void => {
    if (wait > 0) timer = setTimeout(tick, wait)
    else setImmediate(tick)
  }
  const turn: Turn = {
    ...ids,
    link,
    cancelled: false,
    stop: (how) => {
      if (ended) return
      end(how === "cancelled" ? "turnsCancelled" : "turnsDropped")
      if (how === "cancelled") voice.finish("cancelled", 0, "")
    }
  }
  world.turns.add(turn)
  if (Faults.has(faults, "never_answer")) return turn
  if (plan.split + plan.bytes + plan.join > 0) link.setFraming(plan)
  voice.open()
  if (Faults.has(faults, "replay")) voice.replay()
  schedule(thoughts[0]?.delay ?? pieces[0]?.delay ?? plan.first)
  return turn
}
