import * as Endings from "../../src/lingma/turn/Endings.ts"
import type { Ask } from "../../src/textonly/TextBackend.ts"

/** A turn that failed ends are told of. */
export const about = (more: Partial<Endings.About> = {}): Endings.About => ({
  instance: "a",
  started: true,
  automatic: false,
  model: "auto",
  promptTokens: 100,
  contextLimit: 1000,
  now: () => 0,
  ...more
})

/** What failed ends mean for a turn of `about`. */
export const ended = (failure: Endings.Failure) => Endings.toError(failure, about())

export const ask: Ask = {
  requestId: "r1",
  model: "auto",
  mode: "chat",
  prompt: "hi",
  images: [],
  promptTokens: 10,
  contextLimit: undefined
}
