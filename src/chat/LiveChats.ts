/**
 * The chats of one gateway that run now, and the last ones that have ended: to be looked at, and to be stopped.
 *
 * A chat is entered once and removed once; its tokens are read from its own totals when somebody looks.
 */
import { randomBytes } from "node:crypto"
import type { ChatRecord } from "../observe/Metrics.ts"
import { ChurnMap } from "../runtime/ChurnMap.ts"
import type { Draft } from "./ChatRecords.ts"
import type { StopSignal } from "./StopSignal.ts"

/** How many ended chats are remembered. */
export const REMEMBERED = 500
/** Max characters that are remembered of what a client wrote. */
const LONGEST_NAME = 256

/** A chat from its arrival to its end. */
export interface LiveChat {
  readonly record: Draft
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Milliseconds of the monotonic clock. */
  readonly arrivedAt: number
  readonly signal: StopSignal
  /** Once its answer has begun. */
  answer: LiveAnswer | undefined
}

export interface LiveAnswer {
  readonly model: string
  /** Milliseconds of the monotonic clock. */
  readonly begunAt: number
  /** Tokens of the answer so far. */
  readonly tokens: () => number
}

type Watcher = (chat: ChatRecord) => void

export class LiveChats {
  readonly #live = new ChurnMap<string, LiveChat>()
  readonly #ended: Array<ChatRecord> = []
  readonly #watchers = new Set<Watcher>()
  /** Of this process, so that chats of two never have the same id. */
  readonly #nonce = randomBytes(9).toString("base64url")
  #number = 0
  #next = 0

  /** Another id with each call. */
  newId(): string {
    return `${this.#nonce}-${++this.#number}`
  }

  get size(): number {
    return this.#live.size
  }

  enter(chat: LiveChat): LiveChat {
    this.#live.set(chat.record.id, chat)
    return chat
  }

  /** It has ended: remembered, and told to those who watch. */
  leave(chat: LiveChat): void {
    const { record } = chat
    this.#live.delete(record.id)
    if (record.modelAsked.length > LONGEST_NAME) record.modelAsked = record.modelAsked.slice(0, LONGEST_NAME)
    this.#ended[this.#next] = record
    this.#next = (this.#next + 1) % REMEMBERED
    for (const watcher of this.#watchers) watcher(record)
  }

  /** The oldest first. */
  running(): ReadonlyArray<LiveChat> {
    return this.#live.values()
  }

  /** The newest first. */
  ended(): ReadonlyArray<ChatRecord> {
    return [...this.#ended.slice(this.#next), ...this.#ended.slice(0, this.#next)].reverse()
  }

  /** Called for each chat that ends, on its own path: cheap, and without throwing. The result ends it. */
  watch(watcher: Watcher): () => void {
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  /** The one that was stopped; undefined if no such chat runs. */
  stop(id: string): LiveChat | undefined {
    const chat = this.#live.get(id)
    chat?.signal.stop()
    return chat
  }
}
