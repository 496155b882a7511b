/**
 * Control API for logins: page, passwords, recorded submissions, log in, log out.
 */
import * as Account from "../Account.ts"
import type { Answer } from "../Control.ts"
import type { World } from "../World.ts"
import * as Login from "./Login.ts"
import * as LoginExpiry from "./LoginExpiry.ts"
import * as Lookalike from "./LoginLookalike.ts"
import { variants } from "./LoginPage.ts"
import * as LoginState from "./LoginState.ts"

const good = (body: unknown = { ok: true }): Answer => ({ status: 200, body })
const bad = (error: string): Answer => ({ status: 400, body: { error } })

const setPage = (world: World, page: unknown): Answer => {
  if (typeof page !== "string" || !Object.hasOwn(variants, page)) {
    return bad(`page must be one of ${Object.keys(variants).join(", ")}`)
  }
  LoginState.of(world).page = page
  return good()
}

const setUsers = (world: World, users: unknown): Answer => {
  if (users !== null && (typeof users !== "object" || Array.isArray(users)))
    return bad("users must be an object or null")
  LoginState.of(world).users =
    users === null
      ? undefined
      : new Map(Object.entries(users ?? {}).map(([user, password]) => [user, String(password)]))
  return good()
}

/** Resets page and passwords to those of the environment. */
export const reset = (world: World): void => {
  const state = LoginState.of(world)
  state.page = world.options.loginPage
  state.users = world.options.users
}

/** Undefined for other actions. */
export const read = async (world: World, action: string): Promise<Answer | undefined> => {
  const state = LoginState.of(world)
  switch (action) {
    case "page":
      return good({ page: state.page, pages: Object.keys(variants) })
    case "submissions": {
      const { submissions, wrongSubmissions: wrong, organisations } = LoginState.stats(world)
      return good({ total: world.totals.loginSubmissions, wrong, users: submissions, organisations })
    }
    case "lookalike":
      return good(await Lookalike.of(world))
    default:
      return undefined
  }
}

export const write = (world: World, action: string, given: Readonly<Record<string, unknown>>): Answer | undefined => {
  switch (action) {
    case "page":
      return setPage(world, given["page"])
    case "users":
      return setUsers(world, given["users"] ?? null)
    case "login":
      Login.login(world, Account.make(String(given["name"] ?? world.options.account)))
      return good()
    case "logout":
      LoginExpiry.expire(world)
      return good()
    default:
      return undefined
  }
}
