/**
 * Login page that first offers a QR code or SMS, has the form behind a tab, and requires accepting terms.
 */
import * as Html from "./LoginHtml.ts"

const tab = (panel: string, name: string, open: string): string =>
  `<div class="tab-item" role="tab" tabindex="0" data-panel="${panel}" aria-controls="${panel}" aria-selected="${panel === open}">${name}</div>`

const panel = (id: string, inner: string, open: string): string =>
  `<div id="${id}" role="tabpanel"${id === open ? "" : ' style="display:none"'}>${inner}</div>`

const page = (open: string, query: URLSearchParams, message: string, user: string): Html.Page => {
  const passwordForm = Html.form(
    "/login",
    query,
    `${Html.alert(message)}${Html.userField(user)}${Html.passwordField}
<label class="fm-agreement"><input type="checkbox" id="fm-agreement-checkbox" name="agreement" value="1"> 我已阅读并同意服务协议 / I agree to the terms</label>
${Html.signInButton}`
  )
  return Html.html(
    "登录 / Sign in",
    `<div class="login-tabs" role="tablist">${tab("qrcode", "扫码登录 / QR code", open)}${tab("sms", "短信登录 / SMS", open)}${tab("password", "账号密码登录 / Password", open)}</div>
${panel("qrcode", '<div class="qrcode-img" style="width:160px;height:160px;border:1px solid"></div><p>请使用手机扫码登录 / Scan with your phone</p>', open)}
${panel("sms", '<input id="fm-sms-login-id" type="tel" placeholder="手机号 / Phone number"><input id="fm-smscode" placeholder="验证码 / Code"><button type="button">获取验证码 / Send code</button>', open)}
${panel("password", passwordForm, open)}
<script>for (const tab of document.querySelectorAll("[role=tab]")) tab.onclick = () => {
  for (const one of document.querySelectorAll("[role=tab]")) one.setAttribute("aria-selected", String(one === tab))
  for (const one of document.querySelectorAll("[role=tabpanel]")) one.style.display = one.id === tab.dataset.panel ? "" : "none"
}</script>`
  )
}

const again = (query: URLSearchParams, message: string, user: string): Html.Page =>
  page("password", query, message, user)

const submit = Html.signIn(again, Html.callback)

export const tabs: Html.LoginPage = {
  "GET /login": (_world, query) => page("qrcode", query, "", ""),
  "POST /login": (world, query, given) =>
    given.has("agreement")
      ? submit(world, query, given)
      : again(query, "请先阅读并同意服务协议 / Please agree to the terms first", given.get("fm-login-id") ?? "")
}
