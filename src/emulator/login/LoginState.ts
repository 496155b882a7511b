/**
 * Login state of a process: current page, valid passwords, submissions, chosen organisations.
 */
import type * as Account from "../world/Account.ts"
import type { World } from "../world/World.ts"
import * as Lookalike from "./LoginLookalike.ts"

export interface LoginState {
  /** The variant of the login page. */
  page: string
  /** Valid pairs; undefined accepts any. */
  users: ReadonlyMap<string, string> | undefined
  wrong: number
  /** Number of password submissions, by user name. */
  readonly submissions: Map<string, number>
  /** Accounts that still have to choose an organisation. */
  readonly tickets: Map<string, Account.Account>
  /** The last organisation chosen by each user. */
  readonly organisations: Map<string, string>
  lookalike: Promise<Lookalike.Lookalike> | undefined
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

/** The lookalike of this process, started on first use. */
export const lookalike = (world: World): Promise<Lookalike.Lookalike> => {
  const state = of(world)
  state.lookalike ??= Lookalike.open()
  return state.lookalike
}

const MOST_ENTRIES = 1000

/** Sets an entry; drops the oldest above a thousand. */
export const put = <A>(map: Map<string, A>, key: string, value: A): void => {
  map.set(key, value)
  if (map.size > MOST_ENTRIES) for (const oldest of map.keys()) return void map.delete(oldest)
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
