/**
 * The port of who looks into a request while it is served: told what it asked, what an upstream was asked, and how it
 * ended. There is one only where inspecting is switched on.
 */
import type { ChatRecord } from "./Metrics.ts"

/** A question as it goes to an upstream. */
export interface Question {
  readonly instance: string
  readonly model: string
  readonly mode: string
  readonly prompt: string
  /** Pictures that go with the prompt. */
  readonly images: ReadonlyArray<unknown>
}

/** Takes what an upstream pushes, as it comes: cheap, and does not throw. */
export interface PushTap {
  readonly text: (kind: "text" | "thought", text: string) => void
  readonly push: (method: string, params: unknown) => void
}

export interface ChatTap {
  /** The body as it came, once it was read. */
  readonly read: (body: unknown) => void
  readonly asked: (question: Question) => PushTap
  /** A chat of the request has ended; a request may have several. */
  readonly ended: (chat: ChatRecord) => void
}
