import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "./support.ts"

const unescape = (text: string): string => text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))

/** What a page links to or submits to, the first that fits. */
const target = (base: string, page: string, pattern: RegExp): string =>
  new URL(unescape(pattern.exec(page)?.[1] ?? "missing:"), base).href

const action = /<form[^>]* action="([^"]+)"/
const right = { "fm-login-id": "ann", "fm-login-password": "s3:cret" }
const wrong = { ...right, "fm-login-password": "wrong" }
const wrongText = /账号或密码错误 \/ Incorrect username or password/

const get = async (url: string): Promise<string> => (await fetch(url)).text()

const post = (url: string, fields: Record<string, string> = {}): Promise<Response> =>
  fetch(url, { method: "POST", redirect: "manual", body: new URLSearchParams(fields) })

/** A logged-out emulator that knows one account, with the given page. */
const open = (page: string) =>
  Effect.gen(function* () {
    const emulator = yield* S.startEmulator({
      LINGMA_EMULATOR_LOGIN: "required",
      LINGMA_EMULATOR_USERS: "ann:s3:cret",
      LINGMA_EMULATOR_LOGIN_PAGE: page
    })
    const client = yield* S.connect(emulator)
    const url = async () => String((await client.call("login/generateUrl")).result?.["loginUrl"])
    const status = async () => (await client.call("auth/status")).result
    return { emulator, client, url, status }
  })

type Opened = Effect.Effect.Success<ReturnType<typeof open>>

/** The page's last answer is a way to the callback, which logs in and tells the connection. */
const arrives = async ({ client, emulator, status }: Opened, callback: string): Promise<void> => {
  assert.isTrue(callback.startsWith(`http://127.0.0.1:${emulator.httpPort}/auth/callback?state=`), callback)
  assert.deepInclude(await status(), { status: 1, id: "" })
  assert.strictEqual((await fetch(callback)).status, 200)
  await client.until((message) => message.method === "config/refreshModels")
  assert.deepInclude(await status(), { status: 2, name: "ann" })
}

/** A wrong password shows the error and the form again; the right one is answered as given. */
const tries = async (form: string, more: Record<string, string> = {}): Promise<Response> => {
  const refused = await (await post(form, { ...wrong, ...more })).text()
  assert.match(refused, wrongText)
  assert.match(refused, /role="alert"/)
  assert.strictEqual(target(form, refused, action), form)
  assert.match(refused, /name="fm-login-password"/)
  assert.notInclude(refused, "wrong")
  return post(form, { ...right, ...more })
}

describe("emulator: login pages", () => {
  for (const page of ["late", "tabs"]) {
    it.scopedLive(`${page}: refuses, then leads to the callback`, () =>
      Effect.gen(function* () {
        const opened = yield* open(page)
        yield* Effect.promise(async () => {
          const url = await opened.url()
          const shown = await get(url)
          assert.match(shown, page === "late" ? /<template id="late"><form[\s\S]*1500/ : /role="tab"[^>]*>账号密码登录/)
          const done = await tries(target(url, shown, action), page === "tabs" ? { agreement: "1" } : {})
          await arrives(opened, done.headers.get("location")!)
          assert.deepInclude(await S.control(opened.emulator, "submissions"), { total: 2, wrong: 1, users: { ann: 2 } })
        })
      })
    )
  }

  it.scopedLive("tabs: wants its terms agreed to before it looks at a password", () =>
    Effect.gen(function* () {
      const opened = yield* open("tabs")
      yield* Effect.promise(async () => {
        const url = await opened.url()
        const shown = await get(url)
        assert.match(shown, /id="password" role="tabpanel" style="display:none"/)
        const form = target(url, shown, action)
        const asked = await (await post(form, right)).text()
        assert.match(asked, /Please agree to the terms first/)
        assert.match(asked, /id="password" role="tabpanel">/)
        assert.deepInclude(await S.control(opened.emulator, "submissions"), { total: 0, users: {} })
      })
    })
  )

  it.scopedLive("framed: the form and its errors stay in the frame, the callback is for the top window", () =>
    Effect.gen(function* () {
      const opened = yield* open("framed")
      yield* Effect.promise(async () => {
        const url = await opened.url()
        const outside = await get(url)
        assert.notMatch(outside, /<form|<input/)
        const frame = target(url, outside, /<iframe[^>]* src="([^"]+)"/)
        assert.strictEqual(new URL(frame).pathname, "/login/frame")
        const inside = await get(frame)
        assert.notMatch(inside, /<label|autocomplete|type="submit"/)
        const done = await (await tries(target(frame, inside, action))).text()
        await arrives(opened, JSON.parse(/window\.top\.location\.href = (".*?")</.exec(done)![1]!))
      })
    })
  )

  it.scopedLive("two-step: asks for the name, then for the password", () =>
    Effect.gen(function* () {
      const opened = yield* open("two-step")
      yield* Effect.promise(async () => {
        const url = await opened.url()
        const first = await get(url)
        assert.notMatch(first, /type="password"/)
        const form = target(url, first, action)
        assert.match(await (await post(form, { "fm-login-id": "" })).text(), /Enter your account/)
        const second = await (await post(form, { "fm-login-id": "ann" })).text()
        assert.match(second, /type="hidden" name="fm-login-id" value="ann"/)
        assert.deepInclude(await S.control(opened.emulator, "submissions"), { total: 0 })
        const done = await tries(target(url, second, action))
        await arrives(opened, done.headers.get("location")!)
      })
    })
  )

  it.scopedLive("organisations: the callback waits for a choice, which counts once", () =>
    Effect.gen(function* () {
      const opened = yield* open("organisations")
      yield* Effect.promise(async () => {
        const url = await opened.url()
        const done = await tries(target(url, await get(url), action))
        assert.strictEqual(done.status, 200)
        const list = await done.text()
        assert.deepStrictEqual(
          [...list.matchAll(/class="org-item"[^>]*>([^<]+)</g)].map(([, name]) => name),
          ["Personal", "Acme", "Beta Team"]
        )
        assert.match(list, /<a class="org-item" href="[^"]+organisation=Personal">/)
        const forms = [...list.matchAll(/action="([^"]+)"/g)].map(([, to]) => new URL(unescape(to!), url).href)
        assert.strictEqual((await post(forms[1]!.replace("Beta", "Gamma"))).status, 400)
        const chosen = await post(forms[1]!)
        await arrives(opened, chosen.headers.get("location")!)
        assert.strictEqual((await post(forms[0]!)).status, 400)
        assert.deepInclude(await S.control(opened.emulator, "submissions"), { organisations: { ann: "Beta Team" } })
      })
    })
  )

  for (const [page, sign] of [
    ["captcha", /id="nc_1_wrapper"[\s\S]*请拖动滑块完成验证/],
    ["endless", /role="progressbar" aria-busy="true"/]
  ] as const) {
    it.scopedLive(`${page}: the right password leads nowhere`, () =>
      Effect.gen(function* () {
        const opened = yield* open(page)
        yield* Effect.promise(async () => {
          const url = await opened.url()
          const stuck = await tries(target(url, await get(url), action))
          assert.strictEqual(stuck.status, 200)
          const shown = await stuck.text()
          assert.match(shown, sign)
          assert.notMatch(shown, /<form|auth\/callback/)
          assert.deepInclude(await opened.status(), { status: 1 })
        })
      })
    )
  }

  it.scopedLive("redirect: goes to another origin, which notes what is typed and handed in", () =>
    Effect.gen(function* () {
      const opened = yield* open("redirect")
      yield* Effect.promise(async () => {
        const away = (await fetch(await opened.url(), { redirect: "manual" })).headers.get("location")!
        const { origin } = await S.control(opened.emulator, "lookalike")
        assert.strictEqual(new URL(away).origin, origin)
        assert.notStrictEqual(new URL(away).port, String(opened.emulator.httpPort))
        assert.match(await get(away), /id="fm-login-password"/)
        assert.deepStrictEqual(await S.control(opened.emulator, "lookalike"), {
          ...{ origin, pages: 1, typed: 0, submissions: 0 }
        })
        await post(`${origin}/typed`)
        await post(`${origin}/login`, right)
        assert.deepInclude(await S.control(opened.emulator, "lookalike"), { typed: 1, submissions: 1 })
        assert.deepInclude(await S.control(opened.emulator, "submissions"), { total: 0 })
      })
    })
  )

  it.scopedLive("foreign: names a host that is not ours; unknown: has no form", () =>
    Effect.gen(function* () {
      const opened = yield* open("foreign")
      yield* Effect.promise(async () => {
        const url = new URL(await opened.url())
        assert.strictEqual(url.origin + url.pathname, "https://login.example.com/lingma/login")
        assert.strictEqual(url.searchParams.get("port"), String(opened.emulator.httpPort))
        const other = String((await opened.client.call("auth/login")).result?.["url"])
        assert.strictEqual(new URL(other).host, "login.example.com")
        const here = `http://127.0.0.1:${opened.emulator.httpPort}/login`
        assert.strictEqual((await fetch(here)).status, 404)
        await S.control(opened.emulator, "page", { page: "unknown" })
        const shown = await get(await opened.url())
        assert.match(shown, /系统维护中/)
        assert.notMatch(shown, /<form|<input|<button/)
        assert.strictEqual((await post(here, right)).status, 404)
      })
    })
  )
})
