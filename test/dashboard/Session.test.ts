import { afterEach, assert, beforeEach, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import * as Events from "../../dashboard/api/Events.ts"
import * as Session from "../../dashboard/state/Session.ts"

/** The gateway, as far as the page sees it. */
const gateway = (answer: (init: RequestInit, path: string) => Response | Promise<Response>) =>
  vi.stubGlobal("fetch", (url: URL, init: RequestInit) => Promise.resolve(answer(init, url.pathname)))
const keyOf = (init: RequestInit) => new Headers(init.headers).get("authorization")
const refused = () =>
  new Response(JSON.stringify({ error: { code: "invalid_api_key", message: "no" } }), { status: 401 })

afterEach(() => {
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

describe("the session of the page", () => {
  beforeEach(() => Session.signOut())

  it("goes on with another key when a call with the one before it is refused late", async () => {
    let refuse = (_: Response) => {}
    const answer = new Promise<Response>((resolve) => {
      refuse = resolve
    })
    gateway((_, path) => (path.endsWith("/overview") ? new Response("{}") : answer))
    await Session.signIn("old")
    const late = Session.call("keys").catch(() => "refused")
    Session.signOut()
    await Session.signIn("new")
    refuse(refused())
    assert.strictEqual(await late, "refused")
    assert.strictEqual(Session.phase.value, "open")
    assert.strictEqual(Session.currentKey(), "new")
  })

  it("ends when its own key is refused, and says so", async () => {
    gateway((init, path) => (path.endsWith("/overview") && keyOf(init) ? new Response("{}") : refused()))
    await Session.signIn("old")
    await Session.call("keys").catch(() => {})
    assert.strictEqual(Session.phase.value, "signed_out")
    assert.strictEqual(Session.refusal.value, "ended")
    assert.isUndefined(Session.currentKey())
  })

  it("tells who signs out apart from whom the gateway signs out, whose new key may still be shown", async () => {
    let left = 0
    Session.onLeave(() => left++)
    gateway(() => new Response("{}"))
    await Session.signIn("a")
    Session.signOut("ended")
    assert.strictEqual(left, 0)
    await Session.signIn("a")
    Session.signOut()
    assert.strictEqual(left, 1)
  })
})

describe("the live stream of the page", () => {
  const heard = (pieces: ReadonlyArray<string>, onEvent: () => void = () => {}) => {
    vi.useFakeTimers()
    let signal: AbortSignal | undefined
    gateway((init) => {
      signal = init.signal ?? undefined
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => {
          for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
          signal?.addEventListener("abort", () => controller.error(new Error("aborted")))
        }
      })
      return new Response(body)
    })
    const ended = Events.read(undefined, onEvent, new AbortController().signal)
    return { ended, isOver: () => signal?.aborted }
  }

  it("is lost where nothing comes at all, and only interrupted where something had come", async () => {
    const nothing = heard([])
    await vi.advanceTimersByTimeAsync(46_000)
    assert.isFalse(await nothing.ended)
    const something = heard([": hello\n\n"])
    await vi.advanceTimersByTimeAsync(46_000)
    assert.isTrue(await something.ended)
  })

  it("leaves no connection open behind an event that cannot be read", async () => {
    const { ended, isOver } = heard(["event: overview\ndata: {\n\n"], () => {
      throw new Error("no JSON")
    })
    assert.isFalse(await ended)
    assert.isTrue(isOver())
  })
})
