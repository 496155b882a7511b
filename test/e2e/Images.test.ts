import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import OpenAI from "openai"
import { dataUrl, jpeg, png, webp } from "../support/Pictures.ts"
import * as S from "./support.ts"

const looked = ({ base }: S.Program, content: ReadonlyArray<OpenAI.ChatCompletionContentPart>, signal?: AbortSignal) =>
  new OpenAI({ baseURL: `${base}/v1`, apiKey: "any", maxRetries: 0 }).chat.completions.create(
    { model: "Kimi-K2.6", messages: [{ role: "user", content: [...content] }] },
    { signal: signal ?? null }
  )
const part = (url: string) => ({ type: "image_url" as const, image_url: { url } })

interface Seen {
  readonly images: number
  readonly recentImages: ReadonlyArray<unknown>
  readonly lastPrompt: { readonly params: { readonly prompt: ReadonlyArray<{ readonly uri?: string }> } } | null
}
const seen = async (program: S.Program): Promise<Seen> =>
  (await (await fetch(`http://127.0.0.1:${S.lingmas(program)[0]?.httpPort}/__control`)).json()) as Seen

const large = png(5 << 20)
const digest = (via: string, mimeType: string, bytes: Buffer) => ({
  via,
  mimeType,
  bytes: bytes.length,
  sha256: createHash("sha256").update(bytes).digest("hex")
})

describe("images", () => {
  for (const [dialect, via] of [
    ["session", "prompt"],
    ["ask", "upload"]
  ] as const) {
    it.scopedLive(`arrive whole by the ${dialect} dialect, and nothing of them stays`, () =>
      Effect.gen(function* () {
        const program = yield* S.start({ LINGMA_EMULATOR_DIALECT: dialect })
        const answer = yield* Effect.promise(() =>
          looked(program, [
            { type: "text", text: "what is this?" },
            part(dataUrl("image/png", large)),
            part(dataUrl("image/png", jpeg())),
            part(dataUrl("image/webp", webp(3001)))
          ])
        )
        assert.include(
          answer.choices[0]?.message.content ?? "",
          `Images received: image/png ${large.length} bytes, image/jpeg 64 bytes, image/webp 3001 bytes.`
        )
        const { recentImages } = yield* Effect.promise(() => seen(program))
        assert.sameDeepMembers(
          [...recentImages],
          [digest(via, "image/png", large), digest(via, "image/jpeg", jpeg()), digest(via, "image/webp", webp(3001))]
        )
        yield* S.settled(program)
        assert.deepStrictEqual(readdirSync(join(program.dir, "data/lingma/turns")), ["idle"])
      })
    )
  }

  it.scopedLive("lie where the prompt says, for the owner alone, for as long as the turn", () =>
    Effect.gen(function* () {
      const program = yield* S.start()
      yield* S.control(S.lingmas(program)[0]!, "fault", { fault: "stall@0", turns: 1 })
      const leave = new AbortController()
      const left = looked(program, [part(dataUrl("image/png", png(500)))], leave.signal).catch(() => "left")
      let file = ""
      yield* Effect.repeat(
        Effect.promise(() => seen(program)),
        {
          until: ({ lastPrompt }) => {
            const uri = lastPrompt?.params.prompt.find((item) => item.uri !== undefined)?.uri ?? ""
            file = decodeURIComponent(uri.replace("lingma:///agent/file?path=", ""))
            return file !== ""
          }
        }
      )
      assert.isTrue(readFileSync(file).equals(png(500)))
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
      leave.abort()
      yield* Effect.promise(() => left)
      yield* S.settled(program)
      assert.isFalse(existsSync(dirname(file)))
    })
  )

  it.scopedLive("that are none, or would have to be fetched, are a 400 before anything is asked", () =>
    Effect.gen(function* () {
      const program = yield* S.start({ GATEWAY_IMAGE_URLS: "true", GATEWAY_IMAGE_LIMIT_MB: "1" })
      for (const url of [
        `${program.base}/healthz`,
        "http://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        dataUrl("image/png", Buffer.from("<svg/>")),
        dataUrl("image/png", large)
      ]) {
        const error: unknown = yield* Effect.promise(() =>
          looked(program, [part(url)]).catch((cause: unknown) => cause)
        )
        assert.instanceOf(error, OpenAI.BadRequestError)
        assert.strictEqual(error.param, "messages[0].content[0].image_url")
      }
      assert.strictEqual((yield* Effect.promise(() => seen(program))).images, 0)
    })
  )
})
