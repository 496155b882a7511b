import { assert, describe, it } from "@effect/vitest"
import { FastCheck, Option } from "effect"
import * as Affinity from "../../src/domain/Affinity.ts"
import type { Role } from "../../src/domain/Chat.ts"

const say = (role: Role, text: string) => ({ role, text })
const messages = [say("system", "Be brief."), say("user", "Hello")]
const word = FastCheck.string({ minLength: 1, maxLength: 8 }).filter((text) => text.trim() !== "")

describe("Affinity", () => {
  it("uses the first hint that is present", () => {
    const kind = (signs: Omit<Affinity.Signs, "messages">) =>
      Option.getOrElse(Affinity.key({ ...signs, messages }), () => "").split(":")[0]
    assert.strictEqual(kind({ sessionId: "s", promptCacheKey: "c", user: "u" }), "session")
    assert.strictEqual(kind({ sessionId: " ", promptCacheKey: "c", user: "u" }), "cache")
    assert.strictEqual(kind({ promptCacheKey: "", user: "u" }), "user")
    assert.strictEqual(kind({ user: "\t" }), "open")
  })

  it("has no key without system or user text", () => {
    assert.isTrue(Option.isNone(Affinity.key({ messages: [] })))
    assert.isTrue(Option.isNone(Affinity.key({ messages: [say("assistant", "Hi"), say("user", " ")] })))
  })

  it("ties nothing of one caller to what another sends", () => {
    for (const sign of [{ sessionId: "s" }, { promptCacheKey: "c" }, { user: "u" }, {}]) {
      const keys = ["", "A", "B"].map((caller) => Option.getOrThrow(Affinity.key({ ...sign, caller, messages })))
      assert.strictEqual(new Set(keys).size, 3)
    }
    const key = (caller: string, user: string) => Affinity.key({ caller, user, messages })
    assert.notDeepEqual(key("a", "bc"), key("ab", "c"))
  })

  it("does not mix up where the system text ends and the user text begins", () => {
    const key = (system: string, user: string) => Affinity.key({ messages: [say("system", system), say("user", user)] })
    assert.notDeepEqual(key("a", "bc"), key("ab", "c"))
    assert.notDeepEqual(key("ab", ""), key("", "ab"))
  })

  it("tells long texts apart by their length, their beginning and their end", () => {
    const key = (text: string) => Option.getOrThrow(Affinity.key({ messages: [say("user", text)] }))
    const filling = "x".repeat(200_000)
    const keys = [filling, `${filling}x`, `a${filling}`, `${filling}a`].map(key)
    assert.strictEqual(new Set(keys).size, 4)
    assert.strictEqual(key(filling), keys[0])
  })

  it.prop("is the same, short and free of the value itself for the same sign", [FastCheck.string()], ([user]) => {
    const key = Affinity.key({ user, messages })
    assert.deepStrictEqual(key, Affinity.key({ user: ` ${user}\n`, messages }))
    assert.match(Option.getOrThrow(key), /^(user|open):[0-9a-f]{32}$/)
  })

  it.prop("never lets one value of two kinds collide", [word], ([value]) => {
    const keys = [{ sessionId: value }, { promptCacheKey: value }, { user: value }].map((signs) =>
      Option.getOrThrow(Affinity.key({ ...signs, messages: [say("user", value)] }))
    )
    keys.push(Option.getOrThrow(Affinity.key({ messages: [say("user", value)] })))
    assert.strictEqual(new Set(keys).size, 4)
  })

  const later = FastCheck.array(
    FastCheck.record({ role: FastCheck.constantFrom<Array<Role>>("system", "user", "assistant", "tool"), text: word })
  )
  it.prop("stays as a conversation grows", [later], ([rest]) => {
    assert.deepStrictEqual(Affinity.key({ messages: [...messages, ...rest] }), Affinity.key({ messages }))
  })
})
