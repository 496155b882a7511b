/**
 * Lingma's own wire, and signing in, without the rest: for a Lingma that runs already (`LINGMA_URL`).
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Duration, Effect, Layer, Option } from "effect"
import { AutoLogin, Browser, LingmaRpc, Protocol } from "lingma-gateway"

const Rpc = Layer.unwrapEffect(
  Effect.map(Config.withDefault(Config.string("LINGMA_URL"), "ws://127.0.0.1:37010/"), (url) =>
    LingmaRpc.layer({ url, timeout: "5 seconds", initialize: Protocol.initializeParams(process.cwd(), "1.0.0") })
  )
)

const Login = AutoLogin.layer({
  enabled: false,
  timeout: Duration.seconds(60),
  maxSubmissions: 1,
  hosts: [],
  organization: undefined,
  endpoint: undefined,
  screenshots: false,
  patience: Duration.seconds(1)
}).pipe(Layer.provide(Browser.layerNoop))

const program = Effect.gen(function* () {
  const rpc = yield* LingmaRpc
  yield* rpc.ready
  const check = Effect.map(rpc.call(Protocol.authStatus, {}), Protocol.isLoggedIn)
  const login = yield* (yield* AutoLogin).of({
    id: "mine",
    account: Option.none(),
    workDir: process.cwd(),
    rpc: Effect.succeed(rpc),
    check: Effect.orElseSucceed(check, () => false)
  })
  const { url } = yield* login.person
  yield* Console.log(`signed in: ${yield* check}; sign in at ${new URL(url).pathname}`)
}).pipe(Effect.timeout("20 seconds"))

program.pipe(Effect.scoped, Effect.provide([Rpc, Login]), NodeRuntime.runMain)
