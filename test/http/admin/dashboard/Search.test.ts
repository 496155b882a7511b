import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Days from "../../../../src/domain/usage/Days.ts"
import * as Search from "../../../../src/http/admin/dashboard/Search.ts"
import type { ChatRow } from "../../../../src/team/ledger/Rows.ts"
import * as Rows from "../../../../src/team/ledger/Rows.ts"
import * as LedgerChats from "../../../support/LedgerChats.ts"

const days = Days.make("UTC")
const read = (query: string) => Search.read(new URLSearchParams(query), days)
const asked = (query = "") => Either.getOrThrow(read(query))
const row = (i: number, more: Parameters<typeof LedgerChats.chat>[0] = {}): ChatRow =>
  Rows.of(LedgerChats.chat({ id: `c-${i}`, endedAt: 1_700_000_000_000 + i, ...more }), "here")
const ids = ({ data }: ReturnType<typeof Search.merged>) => data.map(({ id }) => id)

describe("A search for chats", () => {
  it("tells what is in memory and in the ledger once, the newest first", () => {
    const found = Search.merged(asked(), [row(3), row(2)], { rows: [row(2), row(1)], searched: undefined })
    assert.deepStrictEqual(ids(found), ["c-3", "c-2", "c-1"])
    assert.isNull(found.next)
  })

  it("leaves out of a page what may have others before it in the ledger", () => {
    const end = { endedAt: 1_700_000_000_005, id: "c-5" }
    const found = Search.merged(asked("limit=2"), [row(9), row(1)], { rows: [row(6), row(5)], searched: end })
    assert.deepStrictEqual(ids(found), ["c-9", "c-6"])
    assert.strictEqual(found.next, "1700000000006.c-6")
    const whole = Search.merged(asked("limit=5"), [row(9), row(1)], { rows: [row(6), row(5)], searched: end })
    assert.deepStrictEqual(ids(whole), ["c-9", "c-6", "c-5"])
    const next = Search.merged(asked(`limit=2&before=${found.next}`), [row(9), row(1)], {
      rows: [row(5), row(4)],
      searched: { endedAt: 1_700_000_000_004, id: "c-4" }
    })
    assert.deepStrictEqual(ids(next), ["c-5", "c-4"])
  })

  it("goes on from a short page that looked at as much as it may", () => {
    const found = Search.merged(asked("outcome=failed"), [], {
      rows: [],
      searched: { endedAt: 1_700_000_000_004, id: "c-4" }
    })
    assert.deepStrictEqual([found.data.length, found.next], [0, "1700000000004.c-4"])
    assert.strictEqual(found.searched_until, new Date(1_700_000_000_004).toISOString())
  })

  it("filters what is in memory as the ledger does", () => {
    const all = [
      row(5, { requestId: "req-ABCdef" }),
      row(4, { outcome: "failed", answer: undefined, modelAsked: "<script>" }),
      row(3, { caller: { id: "k2", name: "bob", weight: 1 } }),
      row(2, { instance: "inst-7" })
    ]
    const of = (query: string) => ids(Search.merged(asked(query), all, undefined))
    assert.deepStrictEqual(of("id=abcD"), ["c-5"])
    assert.deepStrictEqual(of("outcome=failed"), ["c-4"])
    assert.deepStrictEqual(of("key=bob"), ["c-3"])
    assert.deepStrictEqual(of("instance=inst-7"), ["c-2"])
    assert.deepStrictEqual(of("model=qwen"), ["c-5", "c-3", "c-2"])
    assert.deepStrictEqual(of("since=2023-11-14T22:13:20.004Z"), ["c-5", "c-4"])
    assert.deepStrictEqual(of("until=2023-11-14"), [])
  })

  it("refuses by name what makes no sense", () => {
    for (const query of [
      "limit=0",
      "limit=501",
      "outcome=lost",
      "before=x",
      "before=1.'; DROP",
      "since=yesterday",
      `key=${"x".repeat(300)}`
    ]) {
      const [name] = query.split("=")
      const found = read(query)
      assert.isTrue(Either.isLeft(found), query)
      if (Either.isLeft(found)) assert.strictEqual(found.left.body.error.param, name)
    }
  })
})
