/**
 * Lingma's routes of the HTTP server: login page, callback, profile.
 */
import * as Account from "../world/Account.ts"
import type { World } from "../world/World.ts"
import * as Login from "./Login.ts"
import { html, notFound, type Page } from "./LoginHtml.ts"
import { variants } from "./LoginPage.ts"
import * as LoginState from "./LoginState.ts"

/** The account in a callback's query, in the current format or the older plain-text one. */
const accountOf = (query: URLSearchParams): Account.Account | undefined => {
  const auth = query.get("auth")
  if (auth !== null) return Account.fromCallback(auth, query.get("token") ?? "")
  const uid = query.get("uid")
  const name = query.get("name")
  return uid && name && query.get("aid") ? { ...Account.make(name), uid } : undefined
}

const callback = (world: World, query: URLSearchParams): Page => {
  const wrong = Login.consume(world, query.get("state") ?? "", accountOf(query))
  return wrong === undefined
    ? html("Login successful", "<p>You may close this page.</p>")
    : html("Login failed", `<p>${wrong}</p>`, 400)
}

const login = (world: World, route: string, query: URLSearchParams, form: URLSearchParams): Page | Promise<Page> => {
  if (route === "GET /login") world.totals.loginPages++
  const page = variants[LoginState.of(world).page]
  return page !== undefined && Object.hasOwn(page, route) ? page[route]!(world, query, form) : notFound
}

export const answer = (
  world: World,
  verb: string,
  path: string,
  query: URLSearchParams,
  form: URLSearchParams
): Page | Promise<Page> => {
  if (path === "/login" || path.startsWith("/login/")) return login(world, `${verb} ${path}`, query, form)
  if (verb !== "GET") return notFound
  switch (path) {
    case "/auth/start":
      return { _tag: "Redirect", location: Login.generateUrl(world).loginUrl }
    case "/auth/callback":
      return callback(world, query)
    case "/profile":
      return world.profiles.has(query.get("state") ?? "")
        ? html("Profile", `<p>${world.account === undefined ? "logged out" : "logged in"}</p>`)
        : notFound
    default:
      return notFound
  }
}
