/**
 * Login state and one-time login URLs. Stored in the work directory; changes are pushed to the connections.
 */
import { createHash, randomBytes, randomUUID } from "node:crypto"
import * as Account from "../world/Account.ts"
import * as World from "../world/World.ts"
import * as LoginState from "./LoginState.ts"

/** Restores the login from the work directory; a new one gets the demo account unless a login is required. */
export const restore = (world: World.World): void => {
  world.account = world.workDir.readAccount()
  if (world.account === undefined && world.workDir.isNew && !world.options.loginRequired) {
    world.account = Account.make(world.options.account)
    world.workDir.writeAccount(world.account)
  }
}

export const login = (world: World.World, account: Account.Account): void => {
  world.account = account
  World.dropFaults(world, ["auth_new", "auth_prompt"])
  world.loggedInAt = performance.now()
  world.totals.logins++
  world.workDir.writeAccount(account)
  world.log(`login success: ${account.uid}`)
  for (const link of world.links) {
    link.notify("model/refresh", {})
    link.notify("config/refreshModels", {})
  }
}

export const logout = (world: World.World): void => {
  if (world.account !== undefined) world.totals.logouts++
  world.account = undefined
  world.workDir.writeAccount(undefined)
}

export const status = (world: World.World): Readonly<Record<string, unknown>> => {
  const account = world.account
  if (account === undefined) return { status: 1, id: "", accountId: "", name: "", token: "", refreshToken: "" }
  return {
    status: 2,
    id: account.uid,
    accountId: account.uid,
    name: account.name,
    token: account.token,
    refreshToken: account.refreshToken,
    expireTime: account.expireTime,
    userType: account.userType,
    whitelist: 3,
    cloudType: "cloud",
    privacyPolicyAgreed: true
  }
}

export interface LoginUrl {
  readonly loginUrl: string
  readonly nonce: string
  readonly verifier: string
  readonly challenge: string
}

/** An address that is not ours. */
const foreignBase = "https://login.example.com/lingma/login"

const loginBase = (world: World.World): string =>
  LoginState.of(world).page === "foreign"
    ? foreignBase
    : (world.options.loginBase ?? `http://127.0.0.1:${world.httpPort}/login`)

export const generateUrl = (world: World.World): LoginUrl => {
  const nonce = randomUUID().replaceAll("-", "")
  const verifier = randomBytes(32).toString("base64url")
  const challenge = createHash("sha256").update(verifier).digest("base64url")
  const url = new URL(loginBase(world))
  url.searchParams.set("state", nonce)
  url.searchParams.set("port", String(world.httpPort))
  url.searchParams.set("challenge", challenge)
  url.searchParams.set("challenge_method", "S256")
  url.searchParams.set("machine_id", world.workDir.machineId)
  world.nonces.add(nonce)
  return { loginUrl: url.href, nonce, verifier, challenge }
}

/** Consumes the nonce and logs the account in; otherwise returns an error. */
export const consume = (
  world: World.World,
  nonce: string,
  account: Account.Account | undefined
): string | undefined => {
  if (!world.nonces.delete(nonce)) {
    world.log("Invalid login nonce or consumed, ignore")
    return "Invalid login nonce or consumed, ignore"
  }
  if (account === undefined) return "invalid auth or token"
  login(world, account)
  return undefined
}

/** The account of a user name and password; undefined if they are wrong. */
export const check = (world: World.World, user: string, password: string): Account.Account | undefined => {
  const state = LoginState.of(world)
  world.totals.loginSubmissions++
  LoginState.put(state.submissions, user, (state.submissions.get(user) ?? 0) + 1)
  const known = state.users === undefined || state.users.get(user) === password
  if (known && user !== "" && password !== "" && !World.standingFault(world, "login_refused")) return Account.make(user)
  state.wrong++
  return undefined
}
