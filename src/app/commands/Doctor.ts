/**
 * Command `lingma-gateway doctor`: what is wrong, and what to do; it changes nothing.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect, Logger, LogLevel } from "effect"
import * as Doctor from "../doctor/Doctor.ts"
import * as DoctorScreen from "../doctor/DoctorScreen.ts"
import * as Progress from "../screen/Progress.ts"
import * as Terminal from "../screen/Terminal.ts"
import * as House from "./House.ts"

const url = Options.text("url").pipe(
  Options.withDescription("the address by which others reach the gateway, to look at a reverse proxy as well"),
  Options.optional
)

export const command = Command.make("doctor", { url, file: House.file, json: House.json }, ({ file, json, url }) =>
  Effect.gen(function* () {
    const findings = yield* Progress.during("looking", Doctor.run(file, url))
    const isWell = findings.every(({ state }) => state !== "fail")
    yield* json
      ? House.printJson({ ok: isWell, findings: findings.map(({ cure, ...one }) => ({ ...one, cure: cure ?? null })) })
      : House.printLines(DoctorScreen.render(findings, Terminal.columns()))
    if (!isWell) return yield* House.ended(House.FAILED)
  }).pipe(Effect.provide(Logger.minimumLogLevel(LogLevel.None)))
).pipe(Command.withDescription("look for what is wrong, and say what to do"))
