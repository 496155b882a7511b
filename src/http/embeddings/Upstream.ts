/**
 * The API that embeddings are passed on to: one request, with a bound on its time and on the size of its answer.
 *
 * It gets the gateway's own key and nothing of the client's head; a redirect is not followed, since the key must not
 * go elsewhere. An interrupt aborts the request.
 */
import { Data, type Duration, Effect, Redacted } from "effect"
import { version } from "../../Version.ts"
import * as BodyBuffer from "../server/BodyBuffer.ts"

/** No answer, or one that is too large. `reason` is for the log. */
export class UpstreamBroken extends Data.TaggedError("UpstreamBroken")<{
  readonly kind: "unreachable" | "timeout" | "too_large" | "not_reserved"
  readonly reason: string
}> {}

export interface UpstreamOptions {
  /** With its `/v1`; or the whole URL, where that ends with `/embeddings`. */
  readonly url: string
  readonly apiKey: Redacted.Redacted | undefined
  readonly timeout: Duration.Duration
  /** Largest answer in bytes; by default two thousand vectors of 1536 numbers in decimal. */
  readonly limit?: number
}

export interface Answer {
  readonly status: number
  readonly isJson: boolean
  readonly bytes: Uint8Array
  /** Whole seconds, where it names them. */
  readonly retryAfter: number | undefined
}

const MAX_ANSWER = 80 * 1024 * 1024

const isJson = (type: string | null) => /^application\/([\w.-]+\+)?json\s*(;|$)/i.test(type ?? "")

const secondsOf = (header: string | null): number | undefined =>
  /^\d{1,4}$/.test(header ?? "") ? Number(header) : undefined

const brokenBy = (error: unknown): UpstreamBroken => {
  if (error instanceof UpstreamBroken) return error
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return new UpstreamBroken({ kind: "unreachable", reason: cause instanceof Error ? cause.message : "unknown" })
}

/** `reserve` grants memory beyond what each body has free. */
export const make = ({ apiKey, limit = MAX_ANSWER, timeout, url }: UpstreamOptions) => {
  const target = url.endsWith("/embeddings") ? url : `${url}/embeddings`
  const headers = {
    accept: "application/json",
    "content-type": "application/json",
    "user-agent": `lingma-gateway/${version}`,
    ...(apiKey === undefined ? {} : { authorization: `Bearer ${Redacted.value(apiKey)}` })
  }

  const ask = async (
    body: string,
    requestId: string,
    reserve: (bytes: number) => boolean,
    signal: AbortSignal
  ): Promise<Answer> => {
    const response = await fetch(target, {
      method: "POST",
      headers: { ...headers, "x-request-id": requestId },
      body,
      redirect: "manual",
      signal
    })
    const buffer = new BodyBuffer.BodyBuffer({ limit, reserve })
    for await (const piece of response.body ?? []) {
      const refused = buffer.add(piece)
      // Leaving the loop cancels the rest of the body.
      if (refused === "not_reserved") throw new UpstreamBroken({ kind: refused, reason: refused })
      if (refused !== undefined) throw new UpstreamBroken({ kind: "too_large", reason: refused })
    }
    return {
      status: response.status,
      isJson: isJson(response.headers.get("content-type")),
      bytes: buffer.bytes(),
      retryAfter: secondsOf(response.headers.get("retry-after"))
    }
  }

  return (
    body: string,
    requestId: string,
    reserve: (bytes: number) => boolean
  ): Effect.Effect<Answer, UpstreamBroken> =>
    Effect.timeoutFail(Effect.tryPromise({ try: (signal) => ask(body, requestId, reserve, signal), catch: brokenBy }), {
      duration: timeout,
      onTimeout: () => new UpstreamBroken({ kind: "timeout", reason: "no answer in time" })
    })
}
