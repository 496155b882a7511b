/**
 * Service that counts tokens for usage, limits and count requests: estimates by default, exact counters by setting.
 *
 * The packages of the exact counters are optional; startup fails if a configured one is missing.
 */
import { readFile } from "node:fs/promises"
import { ConfigError, Context, Effect, Either, Layer, Option } from "effect"
import { GatewayConfig } from "../config/Config.ts"
import * as ChunkedTokenizer from "./ChunkedTokenizer.ts"
import * as TokenEstimate from "./TokenEstimate.ts"

/** A way to count tokens. */
export interface TokenCounterService {
  /** Creates a counter for one streamed text. */
  readonly counter: () => TokenEstimate.Counter
  /** Tokens of a whole text. */
  readonly count: (text: string) => number
  /** Whether it uses the model's own vocabulary. */
  readonly isExact: boolean
}

const wrong = (setting: string, text: string) => ConfigError.InvalidData([], `${setting} ${text}`)

/** Max characters counted exactly, which takes about 0.2 s; the rest is extrapolated. */
const EXACT = { o200k: 1 << 20, qwen: 1 << 16 }

interface PiecesOptions {
  readonly exact: number
  /** Whether it is the model's own vocabulary. */
  readonly isExact: boolean
}

const fromPieces = ({ exact, isExact }: PiecesOptions, countOf: (piece: string) => number): TokenCounterService => {
  const counter = () => ChunkedTokenizer.counter((piece) => (piece === "" ? 0 : countOf(piece)))
  return {
    isExact,
    counter,
    count: (text) => {
      const begin = text.slice(0, exact)
      const one = counter()
      one.add(begin)
      const whole = text.length > exact ? TokenEstimate.estimate(text) / Math.max(1, TokenEstimate.estimate(begin)) : 1
      return Math.round(one.total() * whole)
    }
  }
}

const notInstalled = (name: string, word: string) => () =>
  wrong("TOKEN_COUNTER", `is ${word}, which needs the package ${name}: run npm install ${name}`)

const o200k = Effect.gen(function* () {
  const encoding = yield* Effect.tryPromise({
    try: () => import("gpt-tokenizer/encoding/o200k_base"),
    catch: notInstalled("gpt-tokenizer", "o200k")
  })
  // Treat special tokens such as <|endoftext|> as text.
  const options = { disallowedSpecial: new Set<string>() }
  return fromPieces({ exact: EXACT.o200k, isExact: false }, (piece) => encoding.countTokens(piece, options))
})

const parse = (text: string): Either.Either<object, unknown> =>
  Either.flatMap(
    Either.try((): unknown => JSON.parse(text)),
    (value) => (typeof value === "object" && value !== null ? Either.right(value) : Either.left(value))
  )

const qwen = Effect.fnUntraced(function* (path: string) {
  const { Tokenizer } = yield* Effect.tryPromise({
    try: () => import("@huggingface/tokenizers"),
    catch: notInstalled("@huggingface/tokenizers", "qwen")
  })
  const noFile = () => wrong("TOKEN_COUNTER_FILE", "must be the path of a tokenizer.json that can be read")
  const text = yield* Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: noFile })
  const noTokenizer = () => wrong("TOKEN_COUNTER_FILE", "must be a tokenizer.json, as models are published with")
  const content = yield* Either.mapLeft(parse(text), noTokenizer)
  const service = yield* Effect.try({
    try: () => {
      const tokenizer = new Tokenizer(content, {})
      const plain = { add_special_tokens: false }
      const made = fromPieces(
        { exact: EXACT.qwen, isExact: true },
        (piece) => tokenizer.encode(piece, plain).ids.length
      )
      // The file is not validated until it is used.
      if (!(made.count("The quick brown fox. 敏捷的狐狸") > 0)) throw new TypeError("counts nothing")
      return made
    },
    catch: noTokenizer
  })
  return service
})

const estimate: TokenCounterService = { counter: TokenEstimate.counter, count: TokenEstimate.estimate, isExact: false }

/** Without a layer it estimates. */
export class TokenCounter extends Context.Reference<TokenCounter>()("lingma-gateway/TokenCounter", {
  defaultValue: (): TokenCounterService => estimate
}) {
  static readonly layerEstimate: Layer.Layer<TokenCounter> = Layer.succeed(this, estimate)

  /** OpenAI's vocabulary, within about 5 % of Qwen's; takes about 70 MB of memory. */
  static readonly layerO200k: Layer.Layer<TokenCounter, ConfigError.ConfigError> = Layer.effect(this, o200k)

  /** Qwen's vocabulary, from a model's tokenizer.json. */
  static readonly layerQwen = (path: string): Layer.Layer<TokenCounter, ConfigError.ConfigError> =>
    Layer.effect(this, qwen(path))

  /** The counter set by `TOKEN_COUNTER`; fails if its package or file is missing. */
  static readonly layerFromConfig: Layer.Layer<TokenCounter, ConfigError.ConfigError, GatewayConfig> =
    Layer.unwrapEffect(
      Effect.map(GatewayConfig, ({ tokenCounter, tokenCounterFile }) => {
        if (tokenCounter === "estimate") return TokenCounter.layerEstimate
        if (tokenCounter === "o200k") return TokenCounter.layerO200k
        return TokenCounter.layerQwen(Option.getOrElse(tokenCounterFile, () => ""))
      })
    )
}
