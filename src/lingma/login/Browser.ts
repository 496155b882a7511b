/**
 * Interface of the browser that signs accounts in, so that another implementation, or none, can be provided.
 */
import { Context, Data, type Duration, Effect, Layer, type Redacted } from "effect"
import type { LoginReason } from "../../domain/Login.ts"

/** Parameters of one login. */
export interface SignIn {
  /** Login URL from Lingma. */
  readonly url: string
  readonly username: string
  readonly password: Redacted.Redacted
  /** Hosts where the password may be typed: `host` or `host:port`. */
  readonly hosts: ReadonlyArray<string>
  /** Organization to choose if the page asks. */
  readonly organization: string | undefined
  /** Max password submissions. */
  readonly submissions: number
  /** Called before each submission. */
  readonly onSubmit: () => void
  /** Time limit of the whole login. */
  readonly timeout: Duration.Duration
  /** Parent of the browser's temporary profile, which is removed afterwards. */
  readonly workDir: string
  /** Directory for screenshots of failures, with inputs masked; undefined = none. */
  readonly screenshots: string | undefined
}

/** A login stopped; `again` = a retry may succeed. */
export class SignInStopped extends Data.TaggedError("SignInStopped")<{
  readonly reason: LoginReason
  readonly detail: string
  readonly again: boolean
}> {}

/** Opens the login page and fills it in. */
export class Browser extends Context.Tag("lingma-gateway/lingma/Browser")<
  Browser,
  {
    /** Path of the browser, if found. */
    readonly path: Effect.Effect<string | undefined>
    /** Succeeds when the page has reached Lingma's callback. Browser and profile are removed afterwards. */
    readonly signIn: (ask: SignIn) => Effect.Effect<void, SignInStopped>
  }
>() {
  /** For machines without a browser: every login fails with `browser_missing`. */
  static readonly layerNoop: Layer.Layer<Browser> = Layer.succeed(Browser, {
    path: Effect.succeed(undefined),
    signIn: () => new SignInStopped({ reason: "browser_missing", detail: "no browser", again: false })
  })
}
