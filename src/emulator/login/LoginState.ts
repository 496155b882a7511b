/**
 * What the login side of one process remembers: the page in use, the right passwords, what was typed in, who chose what.
 */
import type * as Account from "../Account.ts"
import type { World } from "../World.ts"
import type { Lookalike } from "./LoginLookalike.ts"

export interface LoginState {
  /** The variant of the login page. */
  page: string
  /** The right pairs; undefined takes any. */
  users: ReadonlyMap<string, string> | undefined
  wrong: number
  /** Passwords handed in, by user name. */
  readonly submissions: Map<string, number>
  /** Signed in, but with the organisation still to choose. */
  readonly tickets: Map<string, Account.Account>
  /** The organisation a user chose last. */
  readonly organisations: Map<string, string>
  lookalike: Promise<Lookalike> | undefined
}

const states = new WeakMap<World, LoginState>()

export const of = (world: World): LoginState => {
  const known = states.get(world)
  if (known !== undefined) return known
  const made: LoginState = {
    page: world.options.loginPage,
    users: world.options.users,
    wrong: 0,
    submissions: new Map(),
    tickets: new Map(),
    organisations: new Map(),
    lookalike: undefined
  }
  states.set(world, made)
  return made
}

const mostEntries = 1000

/** Sets an entry and forgets the oldest beyond a thousand. */
export const put = <A>(map: Map<string, A>, key: string, value: A): void => {
  map.set(key, value)
  if (map.size > mostEntries) for (const oldest of map.keys()) return void map.delete(oldest)
}

export const stats = (world: World): Readonly<Record<string, unknown>> => {
  const state = of(world)
  return {
    loginPage: state.page,
    submissions: Object.fromEntries(state.submissions),
    wrongSubmissions: state.wrong,
    organisations: Object.fromEntries(state.organisations)
  }
}
