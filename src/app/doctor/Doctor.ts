/**
 * Runs all checks at once, within two seconds in all; nothing is changed by them.
 */
import { Effect, type Option } from "effect"
import * as AccountsCheck from "./AccountsCheck.ts"
import * as ClientSettings from "./ClientSettings.ts"
import * as DatabaseCheck from "./DatabaseCheck.ts"
import * as Facts from "./Facts.ts"
import type { Finding } from "./Finding.ts"
import { warn } from "./Finding.ts"
import * as GatewayCheck from "./GatewayCheck.ts"
import * as KeysCheck from "./KeysCheck.ts"
import * as LingmaCheck from "./LingmaCheck.ts"
import * as Machine from "./Machine.ts"
import * as PublicUrl from "./PublicUrl.ts"
import * as SettingsCheck from "./SettingsCheck.ts"
import * as StateDirectory from "./StateDirectory.ts"

type Findings = ReadonlyArray<Finding>

const PATIENCE = "1700 millis"

/** A check that is stuck or breaks says so, and hides no other. */
const guarded = <A>(name: string, check: Effect.Effect<A>, otherwise: (finding: Finding) => A): Effect.Effect<A> => {
  const broken = (what: string) => otherwise(warn(`doctor.${name}`, name, what, "lingma-gateway report"))
  return check.pipe(
    Effect.timeoutTo({
      duration: PATIENCE,
      onSuccess: (found) => found,
      onTimeout: () => broken("could not be looked at in time")
    }),
    Effect.catchAllDefect(() => Effect.succeed(broken("could not be looked at")))
  )
}
const listed = (name: string, check: Effect.Effect<Findings>) => guarded(name, check, (finding): Findings => [finding])

export const examine = Effect.fnUntraced(function* (facts: Facts.Facts) {
  const port = guarded(
    "port",
    GatewayCheck.check(facts),
    (finding): GatewayCheck.Seen => ({
      isServing: false,
      findings: [finding]
    })
  )
  // What a running gateway holds is judged otherwise than what lies about.
  const ofGateway = Effect.flatMap(port, ({ findings, isServing }) =>
    Effect.map(
      Effect.all(
        [
          listed("state", StateDirectory.check(facts, isServing)),
          listed("accounts", AccountsCheck.check(facts, isServing)),
          listed("database", DatabaseCheck.check(facts, isServing))
        ],
        { concurrency: "unbounded" }
      ),
      (others) => [findings, ...others]
    )
  )
  const [machine, settings, [own = [], ...held], lingma, keys, outside, clients] = yield* Effect.all(
    [
      listed("machine", Machine.check(facts)),
      listed("settings", SettingsCheck.check(facts)),
      ofGateway,
      listed("lingma", LingmaCheck.check(facts)),
      listed("keys", KeysCheck.check(facts)),
      listed("public", PublicUrl.check(facts)),
      listed("clients", ClientSettings.check(facts))
    ],
    { concurrency: "unbounded" }
  )
  return [machine, settings, own, ...held, lingma, keys, outside, clients].flat()
})

export const run = (file: Option.Option<string>, publicUrl: Option.Option<string>) =>
  Effect.flatMap(Facts.gather(file, publicUrl), examine)
