/**
 * Checks of the port: free, taken by another program, or served by a gateway, and then how that one is.
 */
import { Effect, Either, Option, Schema } from "effect"
import { isLoopback } from "../../config/Config.ts"
import { version } from "../../Version.ts"
import * as PortHolder from "../running/PortHolder.ts"
import * as Running from "../running/Running.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok, warn } from "./Finding.ts"

/** Where signing in has to be looked after, by the state of an instance. */
const cureOf = (name: string, reason: string): string => {
  if (/signed in|login/i.test(reason)) return `lingma-gateway login --instance ${name}`
  return /state is/.test(reason) ? "lingma-gateway logs, and LINGMA_BIN" : "lingma-gateway logs --failed"
}

const ofHealth = ({ instances, pool_ready, pool_size }: Running.Health): ReadonlyArray<Finding> => {
  const absent = instances.filter(({ ready }) => !ready)
  if (pool_ready === pool_size) return []
  const found = absent.slice(0, 5).map(({ name, reason }) => {
    const [what, cure] = [`not ready: ${reason ?? "unknown"}`, cureOf(name, reason ?? "")]
    return pool_ready === 0 ? fail("gateway.unready", name, what, cure) : warn("gateway.instance", name, what, cure)
  })
  return found
}

const Capabilities = Schema.Struct({ version: Schema.String })
const Stats = Schema.Struct({ ok: Schema.Literal(true) })
const Hosts = Schema.Struct({
  warnings: Schema.Array(
    Schema.Struct({
      code: Schema.String,
      hosts: Schema.Array(Schema.String),
      message: Schema.String,
      cure: Schema.String
    })
  )
})

/** What only a key's holder is told. */
const asked = Effect.fnUntraced(function* (gateway: Running.Gateway) {
  const [stats, capabilities, hosts] = yield* Effect.all(
    [
      Effect.either(Running.read(gateway, "/internal/stats", Stats, { within: "1 second" })),
      Effect.either(Running.read(gateway, "/v1/capabilities", Capabilities, { within: "1 second" })),
      Effect.option(Running.read(gateway, "/internal/hosts", Hosts, { within: "1 second" }))
    ],
    { concurrency: 3 }
  )
  const findings: Array<Finding> = []
  if (Either.isLeft(stats) && stats.left._tag === "Refused" && [401, 403].includes(stats.left.status)) {
    const what =
      gateway.key === undefined ? "is not set here, and the gateway asks for one" : "opens the gateway no more"
    findings.push(
      warn(
        "gateway.key",
        "ADMIN_KEYS",
        `${what}: status and logs tell less`,
        "set it for both, or --config FILE as it has"
      )
    )
  }
  if (Either.isRight(capabilities) && capabilities.right.version !== version) {
    findings.push(
      warn("gateway.version", "gateway", `${capabilities.right.version} runs, ${version} is installed`, "restart it")
    )
  }
  if (Option.isSome(hosts)) {
    for (const { code, cure, hosts: ids, message } of hosts.value.warnings)
      findings.push(warn(`hosts.${code}`, ids.length === 0 ? "hosts" : `hosts ${ids.join(", ")}`, message, cure))
  }
  return findings
})

const named = (holder: PortHolder.Holder | undefined) =>
  holder === undefined ? "another program" : `${holder.name}, pid ${holder.pid}`

const ofCode = (host: string, port: number, code: string): Finding => {
  if (code === "EACCES") {
    return fail(
      "port.privileged",
      "GATEWAY_PORT",
      `${port} may not be used by this user`,
      "GATEWAY_PORT=8370, or any above 1023"
    )
  }
  if (code === "EADDRNOTAVAIL") {
    return fail(
      "host.foreign",
      "GATEWAY_HOST",
      `${host} is no address of this machine`,
      "GATEWAY_HOST=127.0.0.1 or 0.0.0.0"
    )
  }
  return code === "ENOTFOUND" || code === "EAI_AGAIN"
    ? fail("host.unknown", "GATEWAY_HOST", `${host} is no known name`, "GATEWAY_HOST=127.0.0.1 or 0.0.0.0")
    : fail(
        "port.broken",
        "GATEWAY_PORT",
        `${host}:${port} cannot be listened on: ${code}`,
        "GATEWAY_HOST, GATEWAY_PORT"
      )
}

export interface Seen {
  readonly isServing: boolean
  readonly findings: ReadonlyArray<Finding>
}

const silent = (base: string, holder: PortHolder.Holder | undefined): Seen => ({
  isServing: true,
  findings: [
    fail("gateway.silent", `port ${new URL(base).port}`, `${named(holder)} listens and does not answer`, "restart it")
  ]
})

export const check = Effect.fnUntraced(function* (facts: Facts) {
  const { settings, wrong } = facts
  const { host, port } = settings
  const gateway = Running.of(settings)
  if (wrong.some((message) => /^GATEWAY_(?:PORT|HOST) /.test(message)))
    return { isServing: false, findings: [] } satisfies Seen
  if (port === 0) return { isServing: false, findings: [ok("port", "port", "any free one")] } satisfies Seen
  // Another machine's address is asked nothing: it is not where this gateway would be.
  const code = yield* PortHolder.refusal(host, port)
  if (code === "EADDRINUSE") {
    const holder = PortHolder.of(port)
    const health = yield* Effect.either(Running.health(gateway, "1 second"))
    if (Either.isRight(health)) {
      const pid = holder === undefined ? "" : `, pid ${holder.pid}`
      const findings = [
        ok("port", "port", `${port}: this gateway${pid}`),
        ...ofHealth(health.right),
        ...(yield* asked(gateway))
      ]
      return { isServing: true, findings } satisfies Seen
    }
    if (health.left._tag === "Unreachable" && /^(node|MainThread|lingma-gateway)$/.test(holder?.name ?? ""))
      return silent(gateway.base, holder)
    const other = yield* PortHolder.free(host, port)
    const findings = [
      fail("port.taken", "GATEWAY_PORT", `${port} is taken by ${named(holder)}`, `stop it, or GATEWAY_PORT=${other}`)
    ]
    return { isServing: false, findings } satisfies Seen
  }
  const where = isLoopback(host) ? `${port}: free, no gateway runs` : `${host}:${port}: free, no gateway runs`
  return {
    isServing: false,
    findings: [code === undefined ? ok("port", "port", where) : ofCode(host, port, code)]
  } satisfies Seen
})
