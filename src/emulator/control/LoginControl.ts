/**
 * Control API for logins: page, passwords, recorded submissions, log in, log out.
 */

import * as Login from "../login/Login.ts"
import { variants } from "../login/LoginPage.ts"
import * as LoginState from "../login/LoginState.ts"
import * as Expiry from "../wire/Expiry.ts"
import * as Account from "../world/Account.ts"
import type { World } from "../world/World.ts"
import { type Answer, bad, good } from "./Answer.ts"

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
      return good(await LoginState.lookalike(world))
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
      Expiry.expire(world)
      return good()
    default:
      return undefined
  }
}
