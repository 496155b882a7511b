/**
 * Decides the next step on a login page from a snapshot of it; independent of the browser.
 */

/** A visible input; `mark` identifies it in the page. */
export interface Field {
  readonly mark: string
  /** `code`: a captcha or a one-time code. */
  readonly kind: "user" | "password" | "code" | "other"
  readonly filled: boolean
}
export interface Press {
  readonly mark: string
  readonly text: string
  /** Submits the form of the fields. */
  readonly submits: boolean
}
export interface Tick {
  readonly mark: string
  readonly ticked: boolean
}

export interface Look {
  readonly fields: ReadonlyArray<Field>
  readonly presses: ReadonlyArray<Press>
  readonly ticks: ReadonlyArray<Tick>
  /** Whether a captcha is visible. */
  readonly captcha: boolean
  /** Text of alerts and error boxes. */
  readonly alert: string
  /** Beginning of the visible text. */
  readonly text: string
}

export interface Progress {
  readonly userTyped: boolean
  readonly submissions: number
  readonly tabPressed: boolean
  readonly chosen: boolean
  /** Since the last action or change of the page. */
  readonly idleMillis: number
}

export type Step =
  | { readonly _tag: "Wait" }
  | {
      readonly _tag: "Fill"
      readonly user?: string
      readonly password?: string
      readonly ticks: ReadonlyArray<string>
      readonly press: string | undefined
    }
  | { readonly _tag: "Press"; readonly what: "tab" | "organization" | "confirm"; readonly mark: string }
  | { readonly _tag: "Stop"; readonly reason: "bad_credentials" | "human_needed"; readonly detail: string }

export const begun: Progress = { userTyped: false, submissions: 0, tabPressed: false, chosen: false, idleMillis: 0 }

const wait: Step = { _tag: "Wait" }
const stop = (reason: "bad_credentials" | "human_needed", detail: string): Step => ({ _tag: "Stop", reason, detail })

/** Max time for a page without known elements to change, in ms. */
const PATIENCE = 15_000
/** Min time between two steps, in ms. */
const SETTLE = 700
/** Time for a page without fields to show some before its login link is pressed, in ms. */
const ENTRY = 2_000
/** A step without effect after this time counts as failed, in ms. */
const STUCK = 5_000

const SUBMIT =
  /^\s*(登\s*录|登\s*入|立即登录|sign\s?in|log\s?in|login|submit|提交|继续|下一步|确\s*[定认]|next|continue)/i
const SIGN_IN = /登\s*录|登\s*入|sign\s?in|log\s?in|下一步|next|continue|继续|submit|提交/i
const OTHER_WAY =
  /扫码|二维码|短信|验证码|忘记|注册|qr|sms|forg[oe]t|regist|sign\s?up|create|passkey|google|github|apple|dingtalk|钉钉|支付宝|alipay|淘宝|taobao|微博|help|帮助/i
const PASSWORD_TAB = /密码登录|账号登录|帐号登录|账密|密码|password|account login/i
const WRONG =
  /(密码|账号|帐号|用户名|账户).{0,8}(错误|不正确|有误|不存在|不匹配|锁定|冻结)|(incorrect|invalid|wrong|unknown).{0,20}(user|account|e-?mail|password|credential|login)|(user ?name|account|e-?mail|password|credentials?).{0,20}(incorrect|invalid|wrong|not (match|exist|found|correct)|locked|do(es)? not)|(login|sign.?in|authentication) failed|(登录|认证|验证)失败/i
const PUZZLE =
  /captcha|安全验证|人机验证|滑块|滑动.{0,6}验证|图形验证码|security (check|verification)|verify (that )?(you|it)('re| are|'s)? |(two|2).?(factor|step) |身份验证器|短信验证码|one.?time (code|password)/i
const TERMS = /(请|must|please|需).{0,12}(同意|勾选|agree|accept)/i
const ORGANIZATIONS =
  /organi[sz]ation|组织|企业|租户|tenant|workspace|选择.{0,4}(账号|帐号|身份)|(choose|select|pick).{0,12}(account|identity|profile)/i
const CONFIRM = /^\s*(确\s*[定认]|进入|继续|登录|下一步|confirm|continue|enter|next|ok|submit)/i

/** The submit button: named like one, part of the form, and not another login method. */
export const submitOf = ({ presses }: Look): string | undefined => {
  const fit = presses.filter(({ text }) => !OTHER_WAY.test(text))
  const named = (press: Press) => SUBMIT.test(press.text) || SIGN_IN.test(press.text)
  return (fit.find((press) => press.submits && named(press)) ?? fit.find(named) ?? fit.find(({ submits }) => submits))
    ?.mark
}

/** The link or tab that leads to the form, on a page without one. */
const entryOf = ({ fields, presses }: Look): Press | undefined =>
  fields.length > 0 ? undefined : presses.find(({ text }) => SIGN_IN.test(text) && !OTHER_WAY.test(text))

const unticked = ({ ticks }: Look) => ticks.filter(({ ticked }) => !ticked).map(({ mark }) => mark)

const same = (a: string, b: string) => a.trim().toLowerCase() === b.trim().toLowerCase()

const choose = (look: Look, progress: Progress, organization: string | undefined): Step => {
  const items = look.presses.filter(({ text }) => text.trim() !== "")
  if (progress.chosen) {
    const confirm = items.find(({ text }) => CONFIRM.test(text))
    return confirm === undefined || progress.idleMillis < SETTLE
      ? wait
      : { _tag: "Press", what: "confirm", mark: confirm.mark }
  }
  if (organization === undefined) {
    const [only] = items
    if (items.length === 1 && only !== undefined && progress.idleMillis >= SETTLE) {
      return { _tag: "Press", what: "organization", mark: only.mark }
    }
    return items.length > 1 && progress.idleMillis >= SETTLE
      ? stop("human_needed", "several organizations: set AUTO_LOGIN_ORGANIZATION to the one to use")
      : wait
  }
  const item =
    items.find(({ text }) => same(text, organization)) ??
    items.find(({ text }) => text.toLowerCase().includes(organization.toLowerCase()))
  if (item !== undefined) return { _tag: "Press", what: "organization", mark: item.mark }
  return progress.idleMillis < STUCK
    ? wait
    : stop("human_needed", "no organization of the name in AUTO_LOGIN_ORGANIZATION")
}

/** `organization`: the name to choose if the page asks. */
export const next = (look: Look, progress: Progress, organization: string | undefined): Step => {
  const { submissions } = progress
  const isCoded = look.fields.some(({ kind }) => kind === "code")
  const hasPassword = look.fields.some(({ kind }) => kind === "password")
  if (look.captcha || (isCoded && hasPassword)) return stop("human_needed", "the page shows a captcha")
  const said = look.alert || (submissions > 0 ? look.text : "")
  if (submissions > 0 && WRONG.test(said) && !TERMS.test(look.alert))
    return stop("bad_credentials", "the page refused user or password")

  if (submissions > 0 && !hasPassword && (isCoded || PUZZLE.test(look.text))) {
    return stop("human_needed", "the page asks for more than a password")
  }

  const user = look.fields.find(({ kind }) => kind === "user")
  const password = look.fields.find(({ kind }) => kind === "password")
  if (password !== undefined) {
    // Already submitted: the form may stay visible until the next page has loaded.
    if (submissions > 0 && progress.idleMillis < STUCK) return wait
    // Still the submitted form: only an error message means that it was rejected.
    if (submissions > 0 && password.filled && unticked(look).length === 0 && look.alert.trim() === "") return wait
    return {
      _tag: "Fill",
      ...(user === undefined ? {} : { user: user.mark }),
      password: password.mark,
      ticks: unticked(look),
      press: submitOf(look)
    }
  }
  if (submissions === 0 && user !== undefined) {
    const tab = progress.tabPressed
      ? undefined
      : look.presses.find(({ text }) => PASSWORD_TAB.test(text) && !/忘记|forg[oe]t/i.test(text))
    if (tab !== undefined) return { _tag: "Press", what: "tab", mark: tab.mark }
    if (progress.userTyped && progress.idleMillis < STUCK) return wait
    if (progress.userTyped)
      return progress.idleMillis < PATIENCE ? wait : stop("human_needed", "the page does not ask for the password")
    return { _tag: "Fill", user: user.mark, ticks: unticked(look), press: submitOf(look) }
  }
  if (submissions > 0)
    return ORGANIZATIONS.test(look.text) && look.presses.length > 0 ? choose(look, progress, organization) : wait
  const tab = look.presses.find(({ text }) => PASSWORD_TAB.test(text) && !/忘记|forg[oe]t/i.test(text))
  if (!progress.tabPressed && tab !== undefined) return { _tag: "Press", what: "tab", mark: tab.mark }
  const entry = entryOf(look)
  if (!progress.tabPressed && entry !== undefined && progress.idleMillis >= ENTRY) {
    return { _tag: "Press", what: "tab", mark: entry.mark }
  }
  return progress.idleMillis < PATIENCE ? wait : stop("human_needed", "the page has no form that is understood")
}
