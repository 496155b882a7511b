import { assert, describe, it } from "@effect/vitest"
import { imageNow, type Message, message } from "../../src/domain/Chat.ts"

describe("Chat", () => {
  it("finds the image that is asked of now: the first of what comes after the assistant's last message, or before one that was only begun", () => {
    const image = (data: string) => ({ images: [{ mediaType: "image/png", data }] })
    const seen = (...messages: ReadonlyArray<Message>) => imageNow(messages)?.data
    const old = [message("user", "See", image("old")), message("assistant", "Yes")]
    assert.strictEqual(seen(...old, message("user", "And")), undefined)
    assert.strictEqual(seen(...old, message("tool", "", image("a")), message("user", "And", image("b"))), "a")
    assert.strictEqual(seen(...old), "old")
    assert.strictEqual(seen(...old, message("user", "And"), message("assistant", "So")), undefined)
    assert.strictEqual(seen(message("system", "Be brief", image("s")), message("user", "Hi")), "s")
    assert.strictEqual(seen(message("assistant", "Hi", image("own"))), "own")
    assert.strictEqual(seen(), undefined)
  })
})
