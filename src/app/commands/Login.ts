/**
 * Command `lingma-gateway login`: prints the login URL, then waits for the login or a pasted callback URL.
 */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import { Console, Effect, type Option, Queue, Schedule } from "effect"
import * as Config from "../../config/Config.ts"
import * as Progress from "../screen/Progress.ts"
import * as LoginDesk from "./LoginDesk.ts"

/** Time limit of the login. */
const patience = "15 minutes"

/** Does nothing without a display. */
const openBrowser = (url: string): void => {
  const [command, ...args] =
    process.platform === "darwin"
      ? ["open", url]
      : process.platform === "win32"
        ? ["rundll32", "url.dll,FileProtocolHandler", url]
        : ["xdg-open", url]
  const hasScreen = process.platform !== "linux" || "DISPLAY" in process.env || "WAYLAND_DISPLAY" in process.env
  if (!process.stdout.isTTY || !hasScreen || command === undefined) return
  spawn(command, args, { stdio: "ignore", detached: true })
    .on("error", () => {})
    .unref()
}

const lines = Effect.gen(function* () {
  const queue = yield* Queue.sliding<string>(16)
  yield* Effect.acquireRelease(
    Effect.sync(() =>
      createInterface({ input: process.stdin }).on("line", (line) => void queue.unsafeOffer(line.trim()))
    ),
    (reader) =>
      Effect.sync(() => {
        reader.close()
        process.stdin.unref()
      })
  )
  return queue
})

/** `isJson`: an object with the address at once, and another one when it is done. */
export const run = (instance: Option.Option<string>, isJson: boolean) =>
  Effect.gen(function* () {
    const settings = yield* Config.checked
    const desk = yield* LoginDesk.open(settings, instance)
    yield* Console.error(`Signing in at ${desk.where}.`)
    const say = (state: string, text: string, more: Readonly<Record<string, string>> = {}) =>
      Console.log(isJson ? JSON.stringify({ instance: begun.instance, state, ...more }) : text)
    const begun = yield* Progress.during("waiting for Lingma", desk.start)
    if (begun.url === undefined) return yield* say("signed_in", `${begun.instance} is signed in already.`)
    yield* say("waiting", begun.url, { url: begun.url })
    yield* Console.error(
      `\nOpen this URL to sign ${begun.instance} in. This command exits once you are signed in.\n` +
        "If the browser runs on another machine, it ends at a URL that it cannot open (http://127.0.0.1:…/auth/callback?…):\n" +
        "copy the full URL and paste it here."
    )
    openBrowser(begun.url)
    const given = yield* lines
    const pasted = Queue.take(given).pipe(
      Effect.flatMap((line) => (line === "" ? Effect.void : desk.callback(begun.instance, line))),
      Effect.catchAll(({ message }) => Console.error(`Not taken: ${message}`)),
      Effect.forever
    )
    const done = Effect.repeat(desk.isSignedIn(begun.instance), {
      until: (yes) => yes,
      schedule: Schedule.spaced("1 second")
    })
    yield* Effect.raceFirst(pasted, done).pipe(
      Effect.timeoutFail({
        duration: patience,
        onTimeout: () => new LoginDesk.LoginRefused({ message: "login timed out after 15 minutes" })
      })
    )
    yield* say("signed_in", `${begun.instance} is signed in.`)
  }).pipe(Effect.scoped)
