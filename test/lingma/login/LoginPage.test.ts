import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as LoginPage from "../../../src/lingma/login/LoginPage.ts"

const empty: LoginPage.Look = { fields: [], presses: [], ticks: [], captcha: false, alert: "", text: "" }
const user = { mark: "u", kind: "user" as const, filled: false }
const password = { mark: "p", kind: "password" as const, filled: false }
const button = (text: string, submits = true) => ({ mark: text, text, submits })
const whole: LoginPage.Look = { ...empty, fields: [user, password], presses: [button("登录 / Sign in")] }
const having = (more: Partial<LoginPage.Progress>): LoginPage.Progress => ({ ...LoginPage.begun, ...more })
const next = (look: LoginPage.Look, progress = LoginPage.begun, organization?: string) =>
  LoginPage.next(look, progress, organization)

describe("a login page", () => {
  it("with a whole form is filled and handed in by its own button", () => {
    const presses = [button("扫码登录", false), button("忘记密码"), button("注册"), button("登 录")]
    const ticks = [
      { mark: "terms", ticked: false },
      { mark: "done", ticked: true }
    ]
    assert.deepStrictEqual(next({ ...whole, presses, ticks }), {
      _tag: "Fill",
      user: "u",
      password: "p",
      ticks: ["terms"],
      press: "登 录"
    })
  })

  it("that asks for the name first gets it, then the password", () => {
    const first = { ...empty, fields: [user], presses: [button("下一步 / Next")] }
    assert.deepStrictEqual(next(first), { _tag: "Fill", user: "u", ticks: [], press: "下一步 / Next" })
    assert.strictEqual(next(first, having({ userTyped: true, idleMillis: 100 }))._tag, "Wait")
    const second = { ...empty, fields: [password], presses: [button("登录")] }
    assert.deepStrictEqual(next(second, having({ userTyped: true })), {
      _tag: "Fill",
      password: "p",
      ticks: [],
      press: "登录"
    })
  })

  it("that shows another way in is turned to the password", () => {
    const tabs = {
      ...empty,
      presses: [button("扫码登录", false), button("短信登录", false), button("账号密码登录", false)]
    }
    assert.deepStrictEqual(next(tabs), { _tag: "Press", what: "tab", mark: "账号密码登录" })
    assert.strictEqual(next(tabs, having({ tabPressed: true }))._tag, "Wait")
  })

  it("that only leads to the form is followed, once and not by another way in", () => {
    const door = { ...empty, presses: [button("支付宝登录", false), button("注册", false), button("登录", false)] }
    assert.strictEqual(next(door)._tag, "Wait")
    const late = having({ idleMillis: 2_000 })
    assert.deepStrictEqual(next(door, late), { _tag: "Press", what: "tab", mark: "登录" })
    assert.strictEqual(next(door, { ...late, tabPressed: true })._tag, "Wait")
    const coded = { ...door, fields: [{ mark: "c", kind: "code" as const, filled: false }] }
    assert.strictEqual(next(coded, late)._tag, "Wait")
  })

  it("that has only begun is waited for, and given up when nothing comes", () => {
    assert.strictEqual(next(empty)._tag, "Wait")
    assert.deepInclude(next(empty, having({ idleMillis: 20_000 })), { _tag: "Stop", reason: "human_needed" })
  })

  it("is not handed in twice while the first is still on its way", () => {
    assert.strictEqual(next(whole, having({ submissions: 1, idleMillis: 200 }))._tag, "Wait")
  })

  it("says that user or password are wrong", () => {
    const said = [
      "账号或密码错误 / Incorrect username or password",
      "Wrong account or password",
      "用户名不存在",
      "Invalid credentials",
      "The password you entered is incorrect.",
      "账户已锁定"
    ]
    for (const alert of said) {
      assert.deepInclude(
        next({ ...whole, alert }, having({ submissions: 1 })),
        { _tag: "Stop", reason: "bad_credentials" },
        alert
      )
      assert.strictEqual(next({ ...whole, alert })._tag, "Fill", "before anything was handed in it is not about us")
    }
  })

  it("with a puzzle needs a person", () => {
    for (const submissions of [0, 1]) {
      assert.deepInclude(next({ ...whole, captcha: true }, having({ submissions })), {
        _tag: "Stop",
        reason: "human_needed"
      })
    }
  })

  it("that asks for an organization gets the one of the setting, and is confirmed", () => {
    const list = {
      ...empty,
      text: "选择组织 / Choose an organization",
      presses: ["Personal", "Acme", "Acme Labs"].map((name) => button(name, false))
    }
    const at = having({ submissions: 1, idleMillis: 1_000 })
    assert.deepStrictEqual(next(list, at, "acme"), { _tag: "Press", what: "organization", mark: "Acme" })
    assert.deepStrictEqual(next(list, at, "Labs"), { _tag: "Press", what: "organization", mark: "Acme Labs" })
    assert.deepInclude(next(list, at), { _tag: "Stop", reason: "human_needed" })
    assert.deepInclude(next(list, having({ submissions: 1, idleMillis: 9_000 }), "Nobody"), {
      _tag: "Stop",
      reason: "human_needed"
    })
    const chosen = { ...list, presses: [...list.presses, button("确定", false)] }
    assert.deepStrictEqual(next(chosen, having({ submissions: 1, chosen: true, idleMillis: 1_000 }), "Acme"), {
      _tag: "Press",
      what: "confirm",
      mark: "确定"
    })
  })

  it("that asks for a code needs a person", () => {
    const code = { mark: "c", kind: "code" as const, filled: false }
    assert.deepInclude(next({ ...whole, fields: [user, password, code] }), { _tag: "Stop", reason: "human_needed" })
    const later = { ...empty, fields: [code], text: "Enter the code we sent to your phone" }
    assert.deepInclude(next(later, having({ submissions: 1 })), { _tag: "Stop", reason: "human_needed" })
    const check = { ...empty, text: "Security check: are you a robot?" }
    assert.deepInclude(next(check, having({ submissions: 1 })), { _tag: "Stop", reason: "human_needed" })
  })

  it("that came back with a complaint nobody knows is handed in once more, and waited for without one", () => {
    const filled = { ...whole, fields: [user, { ...password, filled: true }] }
    const at = having({ submissions: 1, idleMillis: 9_000 })
    assert.strictEqual(next({ ...filled, alert: "Hoppla" }, at)._tag, "Fill")
    assert.strictEqual(next(filled, at)._tag, "Wait")
  })

  it("with a single organization needs no setting", () => {
    const only = { ...empty, text: "Your organization", presses: [button("Personal", false)] }
    assert.deepStrictEqual(next(only, having({ submissions: 1, idleMillis: 1_000 })), {
      _tag: "Press",
      what: "organization",
      mark: "Personal"
    })
  })

  it("never gets a password typed into another field than one for passwords", () => {
    const kind = fc.constantFrom("user" as const, "password" as const, "other" as const)
    const look = fc.record({
      fields: fc.array(fc.record({ mark: fc.string(), kind, filled: fc.boolean() }), { maxLength: 4 }),
      presses: fc.array(fc.record({ mark: fc.string(), text: fc.string(), submits: fc.boolean() }), { maxLength: 5 }),
      ticks: fc.array(fc.record({ mark: fc.string(), ticked: fc.boolean() }), { maxLength: 2 }),
      captcha: fc.boolean(),
      alert: fc.string(),
      text: fc.string()
    })
    const progress = fc.record({
      userTyped: fc.boolean(),
      submissions: fc.nat(3),
      tabPressed: fc.boolean(),
      chosen: fc.boolean(),
      idleMillis: fc.nat(60_000)
    })
    fc.assert(
      fc.property(look, progress, fc.option(fc.string(), { nil: undefined }), (seen, at, organization) => {
        const step = LoginPage.next(seen, at, organization)
        if (step._tag !== "Fill" || step.password === undefined) return
        assert.isTrue(seen.fields.some(({ kind, mark }) => kind === "password" && mark === step.password))
        assert.isFalse(seen.captcha)
      })
    )
  })
})
