/**
 * The login page that a person, or a browser driven for them, sees. One entry per variant; `plain` asks for a name and a password.
 */
import * as Account from "./Account.ts"
import * as Login from "./Login.ts"
import type { World } from "./World.ts"

/** What a request to the page is answered with. */
export type Page =
  | { readonly _tag: "Html"; readonly html: string; readonly status?: number }
  | { readonly _tag: "Redirect"; readonly location: string }

export interface LoginPage {
  readonly show: (world: World, query: URLSearchParams) => Page
  readonly submit: (world: World, query: URLSearchParams, form: URLSearchParams) => Page
}

export const escape = (text: string): string => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)

export const html = (title: string, body: string, status = 200): Page => ({
  _tag: "Html",
  status,
  html: `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><body><main><h1>${escape(title)}</h1>${body}</main></body></html>`
})

/** Back to the process, as the remote page does: who, and with which token. */
export const callback = (world: World, query: URLSearchParams, account: Account.Account): Page => {
  const url = new URL(`http://127.0.0.1:${query.get("port") ?? world.httpPort}/auth/callback`)
  url.searchParams.set("state", query.get("state") ?? "")
  url.searchParams.set("auth", Account.encodeLines([account.uid, account.uid, account.name]))
  url.searchParams.set("token", Account.encodeLines([account.token, account.refreshToken, String(account.expireTime)]))
  return { _tag: "Redirect", location: url.href }
}

const form = (query: URLSearchParams, message: string): string =>
  `${message === "" ? "" : `<p role="alert" class="error">${escape(message)}</p>`}
<form method="post" action="/login?${escape(query.toString())}">
<label>Account <input name="username" type="text" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button type="submit">Sign in</button>
</form><p>This page belongs to the built-in stand-in for Lingma.</p>`

const plain: LoginPage = {
  show: (_world, query) => html("Sign in", form(query, "")),
  submit: (world, query, given) => {
    const account = Login.check(world, given.get("username") ?? "", given.get("password") ?? "")
    return account === undefined
      ? html("Sign in", form(query, "Wrong account or password"), 401)
      : callback(world, query, account)
  }
}

export const variants: Readonly<Record<string, LoginPage>> = { plain }
