/**
 * Checks of the address by which others reach the gateway: the reverse proxy's name, certificate and limits.
 */
import { Effect, Either } from "effect"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok, warn } from "./Finding.ts"

/** Larger than what nginx takes by default. */
const BODY = 1_500_000

const REASONS: ReadonlyArray<readonly [RegExp, id: string, what: string, cure: string]> = [
  [
    /CERT|SSL|TLS|self.signed/i,
    "certificate",
    "its certificate is not trusted",
    "renew it, or name the one of your CA: NODE_EXTRA_CA_CERTS"
  ],
  [/ENOTFOUND|EAI_AGAIN/, "name", "its name is not known", "its DNS record"],
  [/ECONNREFUSED/, "refused", "nothing listens there", "start the proxy, and open the port"]
]

const codes = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  return `${code} ${cause instanceof Error ? cause.message : ""} ${String(error)}`
}

const reach = (url: string, init: RequestInit = {}) =>
  Effect.tryPromise({
    try: async (signal) => {
      const response = await fetch(url, { ...init, signal, redirect: "manual" })
      return { status: response.status, text: (await response.text()).slice(0, 100_000) }
    },
    catch: codes
  }).pipe(Effect.timeoutFail({ duration: "1500 millis", onTimeout: () => "timeout" }), Effect.either)

/** What the answer of a proxy to `/healthz` says. */
export const judge = (url: string, status: number, text: string): Finding => {
  const host = new URL(url).hostname
  if (text.includes('"pool_size"') && status === 200) return ok("public", "public URL", `${url} leads to a gateway`)
  if (status === 403 && /"error"/.test(text)) {
    return warn("public.host", "proxy's Host", `${host} is refused`, `GATEWAY_ALLOWED_HOSTS=${host}`)
  }
  if (status >= 502 && status <= 504) {
    return fail(
      "public.upstream",
      "proxy",
      `${status}: it does not reach the gateway`,
      "start the gateway; see proxy_pass"
    )
  }
  return status >= 300 && status < 400
    ? warn("public.redirect", "public URL", `${url} redirects (${status})`, "name the address it leads to")
    : warn(
        "public.other",
        "public URL",
        `${url} answers ${status}, and is no gateway`,
        "see the proxy's location and proxy_pass"
      )
}

export const check = Effect.fnUntraced(function* ({ publicUrl, settings }: Facts) {
  if (publicUrl === undefined) return []
  if (!URL.canParse(publicUrl) || !/^https?:$/.test(new URL(publicUrl).protocol)) {
    return [fail("public.url", "--url", "is no address such as https://lingma.example.com", "correct it")]
  }
  const base = publicUrl.replace(/\/+$/, "").replace(/\/v1$/, "")
  const [health, large] = yield* Effect.all(
    [
      reach(`${base}/healthz`),
      reach(`${base}/api/event_logging/batch`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ padding: "x".repeat(BODY) })
      })
    ],
    { concurrency: 2 }
  )
  if (Either.isLeft(health)) {
    const [, id = "silent", what = "it does not answer", cure = "the proxy's log"] =
      REASONS.find(([pattern]) => pattern.test(health.left)) ?? []
    return [fail(`public.${id}`, "public URL", `${base}: ${what}`, cure)]
  }
  const seen = judge(base, health.right.status, health.right.text)
  // The gateway itself refuses it below such a limit.
  const isSmall = Either.isRight(large) && large.right.status === 413 && settings.bodyLimitMb * 1024 * 1024 > BODY + 100
  return seen.state === "ok" && isSmall
    ? [
        warn(
          "public.body",
          "proxy",
          `refuses bodies of ${BODY / 1e6} MB (413)`,
          `client_max_body_size ${settings.bodyLimitMb}m;`
        )
      ]
    : [seen]
})
