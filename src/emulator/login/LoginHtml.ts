/**
 * Building blocks of login pages: responses, the callback, and the form in the markup of Alibaba's pages.
 */
import * as Account from "../world/Account.ts"
import type { World } from "../world/World.ts"
import * as Login from "./Login.ts"

/** Response of a page. */
export type Page =
  | { readonly _tag: "Html"; readonly html: string; readonly status?: number }
  | { readonly _tag: "Redirect"; readonly location: string }

export type Handler = (world: World, query: URLSearchParams, given: URLSearchParams) => Page | Promise<Page>

/** A variant of the login page: handlers by method and path, such as `GET /login`. */
export type LoginPage = Readonly<Record<string, Handler>>

export const escape = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

export const html = (title: string, body: string, status = 200): Page => ({
  _tag: "Html",
  status,
  html: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><body><main><h1>${escape(title)}</h1>${body}</main></body></html>`
})

export const notFound = html("Not found", "", 404)

/** A JSON literal that is safe inside a script element. */
export const literal = (value: unknown): string => JSON.stringify(value).replaceAll("<", "\\u003c")

export const alert = (message: string): string =>
  message === "" ? "" : `<div id="login-error" class="login-error" role="alert">${escape(message)}</div>`

export const wrongPassword = "账号或密码错误 / Incorrect username or password"

const callbackUrl = (world: World, query: URLSearchParams, account: Account.Account): string => {
  const url = new URL(`http://127.0.0.1:${query.get("port") ?? world.httpPort}/auth/callback`)
  url.searchParams.set("state", query.get("state") ?? "")
  url.searchParams.set("auth", Account.encodeLines([account.uid, account.uid, account.name]))
  url.searchParams.set("token", Account.encodeLines([account.token, account.refreshToken, String(account.expireTime)]))
  return url.href
}

type Then = (world: World, query: URLSearchParams, account: Account.Account) => Page

/** Redirects to the callback with account and token, as the remote page does. */
export const callback: Then = (world, query, account) => ({
  _tag: "Redirect",
  location: callbackUrl(world, query, account)
})

/** The same from within a frame: redirects the top window. */
export const callbackOfTop: Then = (world, query, account) =>
  html("Sign in", `<script>window.top.location.href = ${literal(callbackUrl(world, query, account))}</script>`)

const userOf = (given: URLSearchParams): string => given.get("fm-login-id") ?? given.get("username") ?? ""
const passwordOf = (given: URLSearchParams): string => given.get("fm-login-password") ?? given.get("password") ?? ""

/** Handles a submitted form: `again` if the password is wrong, else `then`. */
export const signIn =
  (again: (query: URLSearchParams, message: string, user: string) => Page, then: Then): Handler =>
  (world, query, given) => {
    const account = Login.check(world, userOf(given), passwordOf(given))
    return account === undefined ? again(query, wrongPassword, userOf(given)) : then(world, query, account)
  }

export const form = (path: string, query: URLSearchParams, inner: string): string =>
  `<form id="login-form" class="login-form" method="post" action="${path}?${escape(query.toString())}">${inner}</form>`

export const userField = (user = ""): string =>
  `<div class="fm-field"><label for="fm-login-id">账号 / Account</label>
<input id="fm-login-id" class="fm-text" name="fm-login-id" type="text" autocomplete="username" placeholder="邮箱 / 手机号 / Email" value="${escape(user)}"></div>`

export const passwordField = `<div class="fm-field"><label for="fm-login-password">密码 / Password</label>
<input id="fm-login-password" class="fm-text" name="fm-login-password" type="password" autocomplete="current-password" placeholder="请输入密码 / Password"></div>`

/** Has no type: a button in a form submits it by default. */
export const signInButton = `<div class="fm-btn"><button class="fm-button fm-submit password-login">登录 / Sign in</button></div>`
