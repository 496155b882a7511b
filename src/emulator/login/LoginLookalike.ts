/**
 * A login form on another origin, which records that something was typed or submitted, but not what.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Lookalike {
  readonly origin: string
  pages: number
  /** Number of changes of a field. */
  typed: number
  submissions: number
}

const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>登录 / Sign in</title><body><main><h1>登录 / Sign in</h1>
<form id="login-form" class="login-form" method="post" action="/login">
<label for="fm-login-id">账号 / Account</label><input id="fm-login-id" name="fm-login-id" type="text" autocomplete="username">
<label for="fm-login-password">密码 / Password</label><input id="fm-login-password" name="fm-login-password" type="password" autocomplete="current-password">
<button type="submit" class="fm-button">登录 / Sign in</button></form></main>
<script>
const seen = new Map()
const look = () => {
  for (const { name, value } of document.querySelectorAll("input")) {
    if (value === (seen.get(name) ?? "")) continue
    seen.set(name, value)
    navigator.sendBeacon("/typed")
  }
}
for (const kind of ["input", "change", "submit", "pagehide"]) addEventListener(kind, look, true)
setInterval(look, 50)
</script></body></html>`

const serve = (lookalike: Lookalike, request: IncomingMessage, response: ServerResponse): void => {
  request.resume()
  if (request.method !== "POST") lookalike.pages += request.url?.startsWith("/login") ? 1 : 0
  else if (request.url === "/typed") lookalike.typed++
  else lookalike.submissions++
  response.writeHead(200, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" })
  response.end(page)
}

export const open = (): Promise<Lookalike> =>
  new Promise((resolve, reject) => {
    const server = createServer((request, response) => serve(lookalike, request, response))
    let lookalike: Lookalike
    server.once("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      lookalike = { origin: `http://127.0.0.1:${port}`, pages: 0, typed: 0, submissions: 0 }
      resolve(lookalike)
    })
    server.unref()
  })
