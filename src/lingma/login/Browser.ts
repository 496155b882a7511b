/**
 * A browser that signs an account in, behind a tag: another one, or none, is one layer away.
 */
import { Context, Data, type Duration, Effect, Layer, type Redacted } from "effect"
import type { LoginReason } from "../../domain/Login.ts"

/** What one login needs. */
export interface SignIn {
  /** The address Lingma named. */
  readonly url: string
  readonly username: string
  readonly password: Redacted.Redacted
  /** Where a password may be typed: `host` or `host:port`. */
  readonly hosts: ReadonlyArray<string>
  /** Which one to choose when the page asks. */
  readonly organization: string | undefined
  /** Most times the password may be handed in. */
  readonly submissions: number
  /** Told before each. */
  readonly onSubmit: () => void
  readonly timeout: Duration.Duration
  /** Where the browser keeps its files, in a directory of their own that goes with it. */
  readonly workDir: string
  /** Where a picture of a failure goes, inputs masked; undefined for none. */
  readonly screenshots: string | undefined
}

/** Why it stopped; `again` tells that the same may work another time. */
export class SignInStopped extends Data.TaggedError("SignInStopped")<{
  readonly reason: LoginReason
  readonly detail: string
  readonly again: boolean
}> {}

/** Opens the login page and fills it in. */
export class Browser extends Context.Tag("lingma-gateway/lingma/Browser")<
  Browser,
  {
    /** Where the browser is, if there is one. */
    readonly path: Effect.Effect<string | undefined>
    /** Ends when the page has gone to Lingma's callback. Nothing of it is left afterwards. */
    readonly signIn: (ask: SignIn) => Effect.Effect<void, SignInStopped>
  }
>() {
  /** For machines that shall never open one. */
  static readonly layerNoop: Layer.Layer<Browser> = Layer.succeed(Browser, {
    path: Effect.succeed(undefined),
    signIn: () => new SignInStopped({ reason: "browser_missing", detail: "no browser", again: false })
  })
}
