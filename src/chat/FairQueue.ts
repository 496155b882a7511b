/**
 * Whose turn it is: start-time fair queueing of chats between API keys, measured in tokens and weighted, in order of
 * arrival within a key.
 *
 * Each key has a finish tag: the tokens of its chats divided by its weight, added up. Its next chat starts at that tag, or
 * at the virtual time, which is the latest start of those that were taken, if the tag lies behind it: who was away has saved
 * nothing up. Of the keys that wait, the one with the earliest start is next. A chat counts by an estimate while it runs,
 * and by its real tokens from its end on. Once a place is free and nobody waits, nobody owes anything: what was used
 * while no other needed it delays nobody later.
 */
import type { Caller } from "../domain/keys/Caller.ts"
import { ChurnMap } from "../runtime/ChurnMap.ts"
import { Heap } from "../runtime/Heap.ts"

/** Tokens of a chat. */
export interface Used {
  readonly prompt: number
  readonly completion: number
}

/** What is known of a key. */
interface Flow {
  weight: number
  /** Finish tag of the last chat that was taken, by what is known of it. */
  finish: number
  /** The virtual time when the first of its waiters came: the next chat starts no earlier. */
  floor: number
  running: number
  waiting: number
  /** The waiters are linked in the order in which they came. */
  first: Ticket | undefined
  last: Ticket | undefined
  /** Moving average of the tokens of its answers. */
  answer: number
  turnPlace: number
  backlogPlace: number
}

/** A chat from its arrival to its end. */
export interface Ticket {
  /** `displaced`: it had to leave the queue for the chat of another key. */
  state: "waiting" | "running" | "displaced" | "gone"
  /** Resumes the one who waits with it. */
  wake: (() => void) | undefined
  readonly flow: Flow
  readonly prompt: number
  readonly order: number
  /** What it moved the finish tag by. */
  charged: number
  previous: Ticket | undefined
  next: Ticket | undefined
}

/** Tokens of an answer before any was seen. */
const FIRST_GUESS = 500
/** Weight of the latest answer in the moving averages. */
const SMOOTHING = 1 / 16
/** Most tokens that one chat counts for, whatever an upstream reports. */
const MOST_TOKENS = 1e7
const LEAST_WEIGHT = 0.01
const MOST_WEIGHT = 1000
/** Keys that are remembered beside those that run, wait or owe. */
const KEPT = 1024

const bounded = (value: number, least: number, most: number) => (value > least ? Math.min(value, most) : least)
const weightOf = ({ weight }: Caller) => bounded(weight, LEAST_WEIGHT, MOST_WEIGHT)
/** No chat is free of charge: a key would be next for ever. */
const costOf = ({ completion, prompt }: Used) =>
  bounded(bounded(prompt, 0, MOST_TOKENS) + bounded(completion, 0, MOST_TOKENS), 1, MOST_TOKENS)

const startOf = ({ finish, floor }: Flow) => Math.max(finish, floor)
const startsBefore = (a: Flow, b: Flow) =>
  startOf(a) < startOf(b) || (startOf(a) === startOf(b) && a.first!.order < b.first!.order)
/** Beyond its first: nobody's only chat makes room, and who has none comes in before another's second. */
const backlogOf = ({ waiting, weight }: Flow) => (waiting - 1) / weight

export class FairQueue {
  readonly #flows = new ChurnMap<string, Flow>()
  /** The keys that wait, by whose turn it is. */
  readonly #turns = new Heap<Flow>({
    isBefore: startsBefore,
    placeOf: ({ turnPlace }) => turnPlace,
    setPlace: (flow, place) => {
      flow.turnPlace = place
    }
  })
  /** The same keys, by how many chats of them wait, for their weight. */
  readonly #backlogs = new Heap<Flow>({
    isBefore: (a, b) => backlogOf(a) > backlogOf(b),
    placeOf: ({ backlogPlace }) => backlogPlace,
    setPlace: (flow, place) => {
      flow.backlogPlace = place
    }
  })
  #size = 0
  #order = 0
  #virtual = 0
  #latestFinish = 0
  #answer = FIRST_GUESS
  #forgetAt = KEPT

  /** Chats that wait. */
  get size(): number {
    return this.#size
  }

  /** Keys that are remembered. */
  get known(): number {
    return this.#flows.size
  }

  /** A chat that takes a free place while nobody waits. `prompt` is an estimate. */
  run(caller: Caller, prompt: number): Ticket {
    const ticket = this.#arrive(caller, prompt)
    ticket.flow.floor = this.#virtual
    this.#take(ticket)
    return ticket
  }

  /** A chat that waits for `shift`. */
  wait(caller: Caller, prompt: number): Ticket {
    const ticket = this.#arrive(caller, prompt)
    const { flow } = ticket
    ticket.previous = flow.last
    if (flow.last === undefined) flow.first = ticket
    else flow.last.next = ticket
    flow.last = ticket
    this.#size++
    if (flow.waiting++ === 0) {
      flow.floor = this.#virtual
      this.#turns.add(flow)
      this.#backlogs.add(flow)
    } else this.#backlogs.moved(flow)
    return ticket
  }

  /** Takes the one whose turn it is; it runs from now on. */
  shift(): Ticket | undefined {
    const ticket = this.#turns.first?.first
    if (ticket === undefined) return undefined
    this.#take(ticket)
    this.#unlink(ticket)
    return ticket
  }

  /** One who waits leaves. */
  leave(ticket: Ticket): void {
    ticket.state = "gone"
    this.#unlink(ticket)
  }

  /**
   * Makes room for one more chat: the last to come of the key of which most wait, for its weight, leaves the queue.
   * Undefined if one more of the caller's own would be as many.
   */
  displace(caller: Caller): Ticket | undefined {
    const longest = this.#backlogs.first
    const own = this.#flows.get(caller.id)?.waiting ?? 0
    if (longest?.last === undefined || longest.waiting < 2) return undefined
    if (own / weightOf(caller) >= backlogOf(longest)) return undefined
    const ticket = longest.last
    ticket.state = "displaced"
    this.#unlink(ticket)
    return ticket
  }

  /** A chat that ran has ended. Undefined: it did not begin, and counts for nothing. */
  end(ticket: Ticket, used: Used | undefined): void {
    const { flow } = ticket
    ticket.state = "gone"
    flow.running--
    if (used !== undefined) {
      const answer = bounded(used.completion, 0, MOST_TOKENS)
      flow.answer += (answer - flow.answer) * SMOOTHING
      this.#answer += (answer - this.#answer) * SMOOTHING
    }
    this.#finishAt(flow, flow.finish + (used === undefined ? 0 : costOf(used) / flow.weight) - ticket.charged)
    if (flow.waiting > 0) this.#turns.moved(flow)
    if (this.#size === 0) this.#virtual = Math.max(this.#virtual, this.#latestFinish)
  }

  #arrive(caller: Caller, prompt: number): Ticket {
    const flow = this.#flows.get(caller.id) ?? this.#meet(caller.id)
    flow.weight = weightOf(caller)
    const order = this.#order++
    const rest = { wake: undefined, previous: undefined, next: undefined }
    return { state: "waiting", flow, prompt, order, charged: 0, ...rest }
  }

  #meet(id: string): Flow {
    if (this.#flows.size >= this.#forgetAt) this.#forget()
    const none = { finish: 0, floor: 0, running: 0, waiting: 0, first: undefined, last: undefined }
    const flow: Flow = { weight: 1, answer: this.#answer, turnPlace: 0, backlogPlace: 0, ...none }
    this.#flows.set(id, flow)
    return flow
  }

  /** The keys that a stranger could stand for. */
  #forget(): void {
    this.#flows.forEach(({ finish, running, waiting }, id) => {
      if (running === 0 && waiting === 0 && finish <= this.#virtual) this.#flows.delete(id)
    })
    this.#forgetAt = Math.max(KEPT, 2 * this.#flows.size)
  }

  #take(ticket: Ticket): void {
    const { flow, prompt } = ticket
    const start = startOf(flow)
    this.#virtual = Math.max(this.#virtual, start)
    ticket.state = "running"
    ticket.charged = costOf({ prompt, completion: flow.answer }) / flow.weight
    flow.running++
    this.#finishAt(flow, start + ticket.charged)
  }

  #finishAt(flow: Flow, finish: number): void {
    flow.finish = finish
    this.#latestFinish = Math.max(this.#latestFinish, finish)
  }

  #unlink(ticket: Ticket): void {
    const { flow, next, previous } = ticket
    if (previous === undefined) flow.first = next
    else previous.next = next
    if (next === undefined) flow.last = previous
    else next.previous = previous
    ticket.previous = ticket.next = undefined
    this.#size--
    if (--flow.waiting === 0) {
      this.#turns.remove(flow)
      this.#backlogs.remove(flow)
    } else {
      this.#turns.moved(flow)
      this.#backlogs.moved(flow)
    }
  }
}
