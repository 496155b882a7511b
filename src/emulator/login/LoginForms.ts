/**
 * Login pages that differ in how the form appears: at once, late, in a frame, in two steps, behind a tab.
 */
import * as Html from "./LoginHtml.ts"

const simple = (query: URLSearchParams, message: string): string =>
  `${message === "" ? "" : `<p role="alert" class="error">${Html.escape(message)}</p>`}
<form method="post" action="/login?${Html.escape(query.toString())}">
<label>Account <input name="username" type="text" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button type="submit">Sign in</button>
</form><p>This page belongs to the built-in stand-in for Lingma.</p>`

export const plain: Html.LoginPage = {
  "GET /login": (_world, query) => Html.html("Sign in", simple(query, "")),
  "POST /login": Html.signIn(
    (query) => Html.html("Sign in", simple(query, "Wrong account or password"), 401),
    Html.callback
  )
}

/** A form with both fields, shared by the other pages. */
export const whole = (query: URLSearchParams, message = "", user = ""): Html.Page =>
  Html.html(
    "登录 / Sign in",
    Html.form("/login", query, Html.alert(message) + Html.userField(user) + Html.passwordField + Html.signInButton)
  )

const LATE_MS = 1500

const latePage = (query: URLSearchParams, message = "", user = ""): Html.Page =>
  Html.html(
    "登录 / Sign in",
    `<div id="root" class="loading">加载中 / Loading</div><template id="late">${Html.form(
      "/login",
      query,
      Html.alert(message) + Html.userField(user) + Html.passwordField + Html.signInButton
    )}</template>
<script>setTimeout(() => {
  document.getElementById("root").replaceChildren(document.getElementById("late").content.cloneNode(true))
}, ${LATE_MS})</script>`
  )

export const late: Html.LoginPage = {
  "GET /login": (_world, query) => latePage(query),
  "POST /login": Html.signIn(latePage, Html.callback)
}

/** The fields are named by placeholders only, and a script submits them. */
const frame = (query: URLSearchParams, message = "", user = ""): Html.Page =>
  Html.html(
    "密码登录 / Password",
    Html.form(
      "/login/frame",
      query,
      `${Html.alert(message)}
<input name="fm-login-id" class="fm-text" placeholder="邮箱 / 手机号 / Email" value="${Html.escape(user)}">
<input name="fm-login-password" class="fm-text" type="password" placeholder="请输入登录密码 / Password">
<button type="button" class="fm-button" onclick="this.form.submit()">登录 / Sign in</button>`
    )
  )

export const framed: Html.LoginPage = {
  "GET /login": (_world, query) =>
    Html.html(
      "登录 / Sign in",
      `<iframe id="alibaba-login-box" title="login" width="400" height="400" src="/login/frame?${Html.escape(query.toString())}"></iframe>`
    ),
  "GET /login/frame": (_world, query) => frame(query),
  "POST /login/frame": Html.signIn(frame, Html.callbackOfTop)
}

const userStep = (query: URLSearchParams, message: string): Html.Page =>
  Html.html(
    "登录 / Sign in",
    Html.form(
      "/login",
      query,
      `${Html.alert(message)}${Html.userField()}<button type="submit" class="fm-button">下一步 / Next</button>`
    )
  )

const passwordStep = (query: URLSearchParams, message: string, user: string): Html.Page =>
  Html.html(
    "登录 / Sign in",
    Html.form(
      "/login/password",
      query,
      `${Html.alert(message)}<p class="login-user">${Html.escape(user)}</p>
<input type="hidden" name="fm-login-id" value="${Html.escape(user)}">${Html.passwordField}${Html.signInButton}`
    )
  )

export const twoStep: Html.LoginPage = {
  "GET /login": (_world, query) => userStep(query, ""),
  "POST /login": (_world, query, given) => {
    const user = given.get("fm-login-id") ?? ""
    return user === "" ? userStep(query, "请输入账号 / Enter your account") : passwordStep(query, "", user)
  },
  "POST /login/password": Html.signIn(passwordStep, Html.callback)
}
