/**
 * What the checks of `doctor` judge by: the settings as far as they are valid, and the surroundings.
 */
import { resolve } from "node:path"
import { ConfigProvider, Context, Effect, Either, Layer, Option } from "effect"
import * as Config from "../../config/Config.ts"
import * as ConfigSources from "../../config/ConfigSources.ts"
import * as CurrentUser from "../../config/CurrentUser.ts"
import type { UnknownSetting } from "../../config/UnknownSettings.ts"

export interface Facts {
  readonly env: NodeJS.ProcessEnv
  readonly home: string
  readonly cwd: string
  /** The settings file that is in force. */
  readonly file: string | undefined
  /** Defaults stand for those that are wrong. */
  readonly settings: Config.Settings
  /** Each wrong setting, with the rule that it breaks. */
  readonly wrong: ReadonlyArray<string>
  readonly unknown: ReadonlyArray<UnknownSetting>
  /** The address by which others reach the gateway, where it was given. */
  readonly publicUrl: string | undefined
}

const sourced = (file: Option.Option<string>) =>
  Effect.map(Layer.build(ConfigSources.layer(file)), (context) => ({
    provide: Effect.provide(context),
    sources: Context.get(context, ConfigSources.ConfigSources)
  }))

/** Without the settings that are wrong by themselves, which then have their defaults. */
const tolerant = Effect.gen(function* () {
  const checked = yield* Effect.either(Config.checked)
  if (Either.isRight(checked)) return { settings: checked.right, wrong: [] }
  const wrong = Config.explain(checked.left)
  const broken = new Set(wrong.map((message) => /^[A-Z][A-Z0-9_]*/.exec(message)?.[0] ?? ""))
  const kept = yield* Effect.forEach(
    Config.settings.filter(({ name }) => !broken.has(name)),
    (setting) => Effect.map(Config.raw(setting), (text) => [setting.name, text] as const)
  )
  const given = kept.filter(([name, text]) => Config.settings.some((one) => one.name === name && one.default !== text))
  const read = (values: Map<string, string>) =>
    Effect.withConfigProvider(Config.config, ConfigProvider.fromMap(values, { pathDelim: "_", seqDelim: "," }))
  const settings = yield* Effect.orElse(read(new Map(given)), () => Effect.orDie(read(new Map())))
  return { settings, wrong }
})

export const gather = (file: Option.Option<string>, publicUrl: Option.Option<string>) =>
  Effect.gen(function* () {
    const found = yield* Effect.either(sourced(file))
    const refused = Either.isLeft(found) ? Config.explain(found.left) : []
    // A file that is refused is not read: what the environment says is judged all the same.
    const known = Either.isRight(found)
      ? yield* found.right.provide(tolerant)
      : yield* Effect.withConfigProvider(tolerant, ConfigProvider.fromEnv())
    return {
      env: process.env,
      home: CurrentUser.home(),
      cwd: process.cwd(),
      file:
        Either.isRight(found) && found.right.sources.file !== undefined ? resolve(found.right.sources.file) : undefined,
      settings: known.settings,
      wrong: [...refused, ...known.wrong],
      unknown: Either.isRight(found) ? found.right.sources.unknown : [],
      publicUrl: Option.getOrUndefined(publicUrl)
    } satisfies Facts
  }).pipe(Effect.scoped)
