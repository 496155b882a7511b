/**
 * The control API for tests, under `/__control` of the HTTP server.
 *
 * | call | body | effect |
 * | --- | --- | --- |
 * | `GET /__control/stats` | | current turns and connections, totals, the last prompt verbatim |
 * | `POST /__control/script` | keys of Script.ts, `turns?` | with `turns`: queued for that many turns; else in effect until the next such call |
 * | `POST /__control/fault` | the same, intended for `{"fault": "…", "turns": 1}` | `{"fault": ""}` clears a standing fault |
 * | `POST /__control/reset` | | resets scripts, accounts, login page and passwords to the environment's |
 * | `POST /__control/crash` | | kills the process with SIGKILL |
 * | `POST /__control/exit` | `{"code"?}` | exits with this code |
 * | `POST /__control/drop` | | closes every WebSocket |
 * | `POST /__control/login` | `{"name"?}` | logs in without a page |
 * | `POST /__control/logout` | | the login expires; running turns finish with 401 |
 * | `POST /__control/account` | `{"name"?, "models"?, "spent"?}` | sets what an account may use (Allowance.ts); default: the one signed in |
 * | `GET /__control/page` | | `{"page", "pages": […]}` |
 * | `POST /__control/page` | `{"page"}` | sets the login page |
 * | `POST /__control/users` | `{"users": {user: password} or null}` | sets the valid passwords, null = any |
 * | `GET /__control/submissions` | | `{"total", "wrong", "users": {user: n}, "organisations": {user: name}}` |
 * | `GET /__control/lookalike` | | `{"origin", "pages", "typed", "submissions"}` of the other origin |
 * | `POST /__control/raw` | any bytes, `?times=N`, `?binary=1` | sent unframed, one WebSocket message each, to every connection |
 * | `POST /__control/request` | `{"method", "params"?}` | a request to every connection; answers `{"answers": […]}` |
 * | `POST /__control/notify` | `{"method", "params"?}` | a notification to every connection |
 *
 * Requests with an `Origin` header are rejected, so that web pages cannot use it.
 */
import { Either, Schema } from "effect"
import * as LoginState from "../login/LoginState.ts"
import * as Script from "../script/Script.ts"
import { Allowance } from "../world/Allowance.ts"
import type { Message } from "../world/Link.ts"
import * as World from "../world/World.ts"
import { type Answer, bad, good } from "./Answer.ts"
import * as LoginControl from "./LoginControl.ts"

const ok = good()

const readJson = (body: Buffer): Record<string, unknown> | undefined => {
  if (body.length === 0) return {}
  try {
    const value: unknown = JSON.parse(body.toString("utf8"))
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

const script = (world: World.World, given: Record<string, unknown>): Answer => {
  const { turns, ...keys } = given
  const parsed = Script.fromUnknown(keys)
  if (typeof parsed === "string") return bad(parsed)
  if (turns === undefined) world.standing = Script.over(world.standing, parsed)
  else for (let n = 0; n < Math.min(Number(turns) || 0, 10_000); n++) world.queue.push(parsed)
  return ok
}

const decodeAccount = Schema.decodeUnknownEither(
  Schema.Struct({ name: Schema.optional(Schema.String), ...Allowance.fields }),
  { onExcessProperty: "error" }
)

/** Notifies the connections to reload the models, as after a login. */
const account = (world: World.World, given: Record<string, unknown>): Answer => {
  const decoded = decodeAccount(given)
  if (Either.isLeft(decoded)) return bad("the body must be {name?, models?, spent?} as Allowance.ts says")
  const { name = world.account?.name ?? "*", ...allowance } = decoded.right
  world.allowances.set(name, allowance)
  for (const link of world.links) link.notify("config/refreshModels", {})
  return ok
}

const ask = (world: World.World, method: string, params: unknown): Promise<Answer> =>
  Promise.all(
    Array.from(
      world.links,
      (link) =>
        new Promise<Message | null>((resolve) => link.request(method, params, (reply) => resolve(reply ?? null)))
    )
  ).then((answers) => good({ answers }))

const raw = (world: World.World, query: URLSearchParams, body: Buffer): Answer => {
  const data = query.get("binary") === "1" ? body : body.toString("utf8")
  const times = Math.min(Number(query.get("times") ?? 1) || 1, 1_000_000)
  for (const link of world.links) for (let n = 0; n < times; n++) link.sendRaw(data)
  return ok
}

export const handle = async (
  world: World.World,
  verb: string,
  action: string,
  query: URLSearchParams,
  body: Buffer
): Promise<Answer> => {
  if (verb === "GET") {
    return action === "" || action === "stats"
      ? good({ ...World.stats(world), ...LoginState.stats(world) })
      : ((await LoginControl.read(world, action)) ?? { status: 404, body: { error: `unknown: ${action}` } })
  }
  if (action === "raw") return raw(world, query, body)
  const given = readJson(body)
  if (given === undefined) return bad("the body must be a JSON object")
  switch (action) {
    case "script":
    case "fault":
      return script(world, given)
    case "reset":
      world.standing = world.options.script
      world.queue.length = 0
      world.allowances.clear()
      for (const [name, allowance] of world.options.accounts) world.allowances.set(name, allowance)
      LoginControl.reset(world)
      return ok
    case "account":
      return account(world, given)
    case "crash":
      setTimeout(() => process.kill(process.pid, "SIGKILL"), 10)
      return ok
    case "exit":
      setTimeout(() => process.exit(Number(given["code"] ?? 1)), 10)
      return ok
    case "drop":
      for (const link of world.links) link.cut()
      return ok
    case "request":
      return ask(world, String(given["method"]), given["params"] ?? {})
    case "notify":
      for (const link of world.links) link.notify(String(given["method"]), given["params"] ?? {})
      return ok
    default:
      return LoginControl.write(world, action, given) ?? { status: 404, body: { error: `unknown: ${action}` } }
  }
}
