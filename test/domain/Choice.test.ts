import { assert, describe, it } from "@effect/vitest"
import { type Array as Arr, Either } from "effect"
import { ContextLengthExceeded, ModelNotFound } from "../../src/domain/ChatError.ts"
import * as Choice from "../../src/domain/Choice.ts"
import * as Login from "../../src/domain/Login.ts"
import type { Model } from "../../src/domain/Model.ts"

const model = (key: string): Model => ({ key, name: key, scene: "chat", isDefault: false })
const [x, y] = [model("x"), model("y")]

const candidate = (id: string, more: Partial<Choice.Candidate> = {}): Choice.Candidate => ({
  id,
  state: "ready",
  ready: true,
  failing: false,
  loggedIn: true,
  login: Login.signedIn,
  models: [x],
  ...more
})
const unfit = { ready: false }
const starting = { ...unfit, state: "starting" }
const failed = { ...unfit, state: "failed" }
const failing = { ...unfit, failing: true }
const signingIn = { ...unfit, loggedIn: false, login: { _tag: "Running", by: "browser" } } as const
const unknown = { models: [] }

/** Of an instance: when its model returns, when its account does. */
type Spent = Readonly<Record<string, { readonly model?: number; readonly account?: number }>>

const missing = new ModelNotFound({ model: "x", near: [] })
const wantsX = (spent: Spent = {}): Choice.Wanted<Choice.Candidate> => ({
  offers: (models) => (models.length === 0 || models.includes(x) ? Either.right({ key: "x" }) : Either.left(missing)),
  returns: ({ id }, wanted) => spent[id]?.account ?? (wanted === "x" ? spent[id]?.model : undefined),
  mayProbe: () => false
})
const wantsAny: Choice.Wanted<Choice.Candidate> = { offers: undefined, returns: () => 1, mayProbe: () => false }

type Some = Arr.NonEmptyReadonlyArray<Choice.Candidate>
const ids = (chosen: ReadonlyArray<Choice.Candidate>) => chosen.map(({ id }) => id).join("")
const chosen = (instances: Some, wanted = wantsX()) =>
  Either.match(Choice.choose(instances, wanted), { onLeft: (error) => error._tag, onRight: ids })
const other = (instances: ReadonlyArray<Choice.Candidate>, wanted = wantsX()) =>
  ids(Choice.chooseOther(instances, wanted) ?? [])

describe("Choice", () => {
  it("takes the ready instances that surely offer the model, then the ready ones of unknown models", () => {
    const sure = candidate("a")
    const perhaps = candidate("b", unknown)
    const without = candidate("c", { models: [y] })
    assert.strictEqual(chosen([without, perhaps, sure, candidate("d")]), "ad")
    assert.strictEqual(chosen([without, perhaps, candidate("a", failing), candidate("d", unfit)]), "b")
    assert.strictEqual(chosen([without, perhaps, sure], wantsAny), "cba", "who wants any is given any")
  })

  it("takes a failing instance where none is ready, then one that is connected, and then whatever there is", () => {
    const connected = candidate("c", unfit)
    assert.strictEqual(chosen([connected, candidate("f", failing), candidate("s", starting)]), "f")
    assert.strictEqual(chosen([connected, candidate("u", { ...unfit, loggedIn: undefined })]), "cu")
    assert.strictEqual(chosen([candidate("s", starting), connected, candidate("f", failed)]), "c")
    for (const more of [failed, { ...unfit, loggedIn: false, login: Login.idle }]) {
      assert.strictEqual(chosen([candidate("a", { ...more, failing: true }), connected]), "c", "not connected")
      assert.strictEqual(chosen([candidate("a", more), candidate("s", starting)]), "as", "all of them, in turn")
    }
  })

  it("waits for an instance on its way where the connected ones do not offer the model", () => {
    const without = candidate("w", { models: [y] })
    for (const way of [
      starting,
      { ...unfit, ...unknown, state: "reconnecting" },
      { ...starting, ...unknown },
      signingIn,
      { ...signingIn, models: [y] }
    ])
      assert.strictEqual(chosen([without, candidate("f", { ...failed, ...unknown }), candidate("a", way)]), "a")
    const byPerson = { ...signingIn, login: { _tag: "Running", by: "person" } } as const
    for (const still of [failed, { ...signingIn, login: Login.idle }, byPerson, { ...signingIn, state: "failed" }])
      assert.strictEqual(chosen([without, candidate("a", { ...unknown, ...still })]), "ModelNotFound")
    assert.strictEqual(chosen([without, candidate("a", { ...starting, models: [y] })]), "ModelNotFound")
    assert.strictEqual(chosen([without, candidate("a", failed)]), "a", "what is down is woken where it offers it")
  })

  it("says of an instance without an account nothing from what it offers", () => {
    const signedOut = candidate("a", { ...unfit, loggedIn: false, login: Login.idle, models: [y] })
    assert.strictEqual(chosen([signedOut]), "a")
    assert.strictEqual(chosen([signedOut, candidate("b", { models: [y] })]), "ModelNotFound")
  })

  it("passes by what is spent, and tells the earliest return, of a model or of an account", () => {
    const [a, b, c] = [candidate("a"), candidate("b"), candidate("c")]
    const unserved = (spent: Spent, ...instances: Some) => {
      const error = Either.getOrThrow(Either.flip(Choice.choose(instances, wantsX(spent))))
      return error._tag === "QuotaExhausted" ? [error.instance, error.model, error.until] : [error._tag]
    }
    assert.strictEqual(chosen([a, b], wantsX({ a: { model: 9 } })), "b")
    assert.deepStrictEqual(unserved({ a: { model: 9 } }, a), ["a", "x", 9])
    assert.deepStrictEqual(unserved({ a: { account: 9 } }, a), ["a", undefined, 9])
    const three = { a: { model: 9 }, b: { account: 7 }, c: { model: 8 } }
    assert.deepStrictEqual(unserved(three, a, b, c), ["b", undefined, 7])
    assert.deepStrictEqual(unserved({ ...three, c: { model: 7 } }, c, b, a), ["c", "x", 7], "the first of two")
    assert.deepStrictEqual(unserved(three, a, candidate("d", failed)), ["a", "x", 9], "what is down is left so")
    assert.strictEqual(chosen([a, candidate("s", starting)], wantsX(three)), "s")
  })

  it("tells the most telling refusal of those that know their models", () => {
    const tooLong = new ContextLengthExceeded({ promptTokens: 2, limit: 1 })
    const offers: Choice.Offers = (models) => Either.left(models.includes(x) ? tooLong : missing)
    for (const keys of [
      [x, y],
      [y, x]
    ]) {
      const [first, second] = keys.map((key) => candidate(key.key, { models: [key] })) as [
        Choice.Candidate,
        Choice.Candidate
      ]
      assert.strictEqual(chosen([first, second], { ...wantsAny, offers }), "ContextLengthExceeded")
    }
  })

  it("takes for a further try a ready one, else a failing one, else one on its way, else none", () => {
    const without = candidate("w", { models: [y] })
    const perhaps = candidate("p", unknown)
    const [bad, coming] = [candidate("f", failing), candidate("s", starting)]
    assert.strictEqual(other([without, coming, bad, perhaps, candidate("a")]), "a")
    assert.strictEqual(other([without, coming, bad, perhaps]), "p")
    assert.strictEqual(other([without, coming, bad]), "f")
    assert.strictEqual(other([without, coming, candidate("i", signingIn)]), "si")
    assert.strictEqual(other([without, candidate("c", unfit), candidate("d", failed)]), "")
    const again = candidate("a", { ...unfit, login: { _tag: "Running", by: "browser" } })
    assert.strictEqual(other([without, again]), "", "signed in, whatever login runs")
    assert.strictEqual(other([]), "")
    assert.strictEqual(other([candidate("a")], wantsX({ a: { model: 9 } })), "")
    assert.strictEqual(other([without, coming], wantsAny), "w")
  })
})
