/**
 * The port of those who write down chats: told of each at its end, also of one that was rejected.
 */
import { Context } from "effect"
import type { ChatRecord } from "./Metrics.ts"

export interface Recorder {
  /** On the chat's own path: cheap, waits for nothing, and does not throw. */
  readonly record: (chat: ChatRecord) => void
}

/** Nobody, unless a layer provides one. */
export class ChatRecorder extends Context.Reference<ChatRecorder>()("lingma-gateway/observe/ChatRecorder", {
  defaultValue: (): Recorder => ({ record: () => {} })
}) {}
