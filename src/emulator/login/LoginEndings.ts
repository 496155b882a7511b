/**
 * Login pages that differ in what follows: organisations, a captcha, a spinner, another origin, nothing.
 */
import { randomUUID } from "node:crypto"
import { whole } from "./LoginForms.ts"
import * as Html from "./LoginHtml.ts"
import * as LoginState from "./LoginState.ts"

const leadingTo = (then: Parameters<typeof Html.signIn>[1]): Html.LoginPage => ({
  "GET /login": (_world, query) => whole(query),
  "POST /login": Html.signIn(whole, then)
})

export const organisationNames: ReadonlyArray<string> = ["Personal", "Acme", "Beta Team"]

/** The first is a link, the others are buttons. */
const choices = (ticket: string, query: URLSearchParams): Html.Page => {
  const action = (name: string): string => {
    const more = new URLSearchParams([...query, ["ticket", ticket], ["organisation", name]])
    return `/login/organisation?${Html.escape(more.toString())}`
  }
  const items = organisationNames.map((name, index) =>
    index === 0
      ? `<li><a class="org-item" href="${action(name)}">${name}</a></li>`
      : `<li><form method="post" action="${action(name)}"><button type="submit" class="org-item">${name}</button></form></li>`
  )
  return Html.html(
    "选择组织 / Choose an organization",
    `<p>请选择要登录的组织 / Select the organization to sign in to</p><ul class="org-list">${items.join("")}</ul>`
  )
}

const choose: Html.Handler = (world, query) => {
  const state = LoginState.of(world)
  const ticket = query.get("ticket") ?? ""
  const name = query.get("organisation") ?? ""
  const account = state.tickets.get(ticket)
  if (account === undefined || !organisationNames.includes(name)) return Html.html("Bad request", "", 400)
  state.tickets.delete(ticket)
  LoginState.put(state.organisations, account.name, name)
  return Html.callback(world, query, account)
}

export const organisations: Html.LoginPage = {
  ...leadingTo((world, query, account) => {
    const ticket = randomUUID()
    LoginState.put(LoginState.of(world).tickets, ticket, account)
    return choices(ticket, query)
  }),
  "GET /login/organisation": choose,
  "POST /login/organisation": choose
}

export const captcha = leadingTo(() =>
  Html.html(
    "登录 / Sign in",
    `<div class="baxia-dialog" role="dialog"><div id="baxia-dialog-content" class="baxia-dialog-content">
<div id="nocaptcha" class="nc-container"><div id="nc_1_wrapper" class="nc_wrapper" style="width:300px;height:34px;background:#e8e8e8">
<div id="nc_1_n1t" class="nc_scale"><span id="nc_1_n1z" class="nc_iconfont btn_slide">&gt;&gt;</span>
<span class="nc-lang-cnt">请拖动滑块完成验证 / Please slide to verify</span></div></div></div></div></div>`
  )
)

export const endless = leadingTo(() =>
  Html.html(
    "登录 / Sign in",
    '<div class="next-loading" role="progressbar" aria-busy="true"><span class="next-loading-dot"></span>登录中… / Signing in…</div>'
  )
)

export const redirect: Html.LoginPage = {
  "GET /login": async (world, query) => ({
    _tag: "Redirect",
    location: `${(await LoginState.lookalike(world)).origin}/login?${query}`
  })
}

/** Login URLs name another host; see Login.ts. */
export const foreign: Html.LoginPage = {}

export const unknown: Html.LoginPage = {
  "GET /login": () => Html.html("系统维护中 / Maintenance", "<p>服务正在维护，请稍后再试。 / We will be back soon.</p>")
}
