/**
 * Gathers what is seen of one request while it is served; nothing is cleaned before its end, and then only if it is kept.
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { ChatTap, PushTap, Question } from "../../../observe/ChatTap.ts"
import type { ChatRecord } from "../../../observe/Metrics.ts"
import * as Answer from "./Answer.ts"
import { BoundedText, Quota, type Room } from "./Room.ts"

/** Most bytes of a request's pushes and answer. */
export const MOST_GATHERED = 2 << 20
/** Most entries of a question, and most questions. */
const MOST_PUSHES = 1000
const MOST_QUESTIONS = 16
/** Per entry, beside its text. */
const EACH = 64
const LONGEST_PUSH = 8192

/** Several texts in a row are one entry. */
export interface Push {
  readonly millis: number
  readonly kind: string
  readonly text: BoundedText
  pieces: number
}

export interface Asked extends Pick<Question, "instance" | "model" | "mode" | "prompt"> {
  readonly millis: number
  readonly images: number
  readonly pushes: Array<Push>
  dropped: number
}

export interface Arrived {
  readonly id: string
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly key: string
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly secrets: ReadonlyArray<string>
}

const stringified = (params: unknown): string => {
  try {
    return JSON.stringify(params).slice(0, LONGEST_PUSH)
  } catch {
    return ""
  }
}

export class Tap implements ChatTap {
  readonly arrived: Arrived
  readonly questions: Array<Asked> = []
  readonly chats: Array<ChatRecord> = []
  readonly answer: BoundedText
  readonly quota: Quota
  body: unknown
  status: number | undefined
  contentType: string | undefined
  readonly #now: () => number
  readonly #began: number

  /** `now`: milliseconds of the monotonic clock. */
  constructor(arrived: Arrived, room: Room, now: () => number) {
    this.arrived = arrived
    this.quota = new Quota(MOST_GATHERED, room)
    this.answer = new BoundedText(this.quota)
    this.#now = now
    this.#began = now()
  }

  millis(): number {
    return Math.round(this.#now() - this.#began)
  }

  read(body: unknown): void {
    this.body = body
  }

  ended(chat: ChatRecord): void {
    this.chats.push(chat)
  }

  asked({ images, instance, mode, model, prompt }: Question): PushTap {
    const asked: Asked = {
      ...{ instance, mode, model, prompt },
      images: images.length,
      millis: this.millis(),
      pushes: [],
      dropped: 0
    }
    if (this.questions.length < MOST_QUESTIONS) this.questions.push(asked)
    else asked.dropped = 1
    const enter = (kind: string): Push | undefined => {
      if (asked.dropped === 0 && asked.pushes.length < MOST_PUSHES && this.quota.take(EACH)) {
        const push: Push = { millis: this.millis(), kind, text: new BoundedText(this.quota), pieces: 0 }
        asked.pushes.push(push)
        return push
      }
      asked.dropped++
      return undefined
    }
    return {
      text: (kind, text) => {
        const last = asked.pushes.at(-1)
        const push = asked.dropped === 0 && last?.kind === kind ? last : enter(kind)
        if (push === undefined) return
        push.pieces++
        push.text.add(text)
      },
      push: (method, params) => enter(method)?.text.add(stringified(params))
    }
  }

  responded(response: HttpServerResponse.HttpServerResponse): HttpServerResponse.HttpServerResponse {
    this.status = response.status
    this.contentType = response.headers["content-type"]
    return Answer.copied(response, (text) => this.answer.add(text))
  }
}
