/**
 * The settings that are in effect now, replaced as a whole by a reload.
 *
 * A request reads `current` once, at its beginning, and keeps it. What is made of settings is made once for each of
 * their versions (`derive`); what holds something by them follows the changes (`follow`).
 */
import { Context, Data, Effect, Either, Equal, Option, type Scope } from "effect"
import { fields, GatewayConfig, type Settings } from "./Config.ts"
import * as SettingConflicts from "./SettingConflicts.ts"

/** The names of settings that a reload found changed. */
export interface Reloaded {
  /** In effect now. */
  readonly changed: ReadonlyArray<string>
  /** In effect at the next start: all that changed since the last one. */
  readonly restart: ReadonlyArray<string>
}

/** The new settings are wrong, and none of them is in effect. Each problem names its setting, its file and line where known. */
export class SettingsRefused extends Data.TaggedError("SettingsRefused")<{
  readonly problems: ReadonlyArray<string>
}> {
  override get message() {
    return this.problems.join("; ")
  }
}

/** The settings come from a program: there is nothing to read again. */
export class SettingsFixed extends Data.TaggedError("SettingsFixed") {}

/** What changes with the settings. Neither function waits, so that nobody sees a part of a change. */
export interface Follower {
  /** Why these settings cannot be in effect here, if they cannot: then none of them is anywhere. */
  readonly check?: (next: Settings) => string | undefined
  readonly apply?: (next: Settings) => void
}

export interface Live {
  /** One property, to be read once per request. */
  readonly current: Settings
  /** Follows the changes until the scope closes. */
  readonly follow: (follower: Follower) => Effect.Effect<void, never, Scope.Scope>
  /** Reads the sources again: all that they hold is in effect, or nothing. */
  readonly reload: Effect.Effect<Reloaded, SettingsRefused | SettingsFixed>
}

const entriesOf = (value: unknown): ReadonlyArray<readonly [string, unknown]> | undefined =>
  typeof value === "object" && value !== null && !Equal.isEqual(value) ? Object.entries(value) : undefined

/** Whether two parsed values mean the same; lists and records by what they hold. */
const isSame = (a: unknown, b: unknown): boolean => {
  if (Equal.equals(a, b)) return true
  const [those, these] = [entriesOf(a), entriesOf(b)]
  return (
    those !== undefined &&
    these !== undefined &&
    those.length === these.length &&
    these.every(([name, value], i) => those[i]?.[0] === name && isSame(those[i]?.[1], value))
  )
}

const differing = (reload: "live" | "restart", a: Settings, b: Settings) =>
  fields.filter(([field, setting]) => setting.reload === reload && !isSame(a[field], b[field]))

const variablesOf = (all: typeof fields): ReadonlyArray<string> => all.map(([, { name }]) => name)

/** A conflict that is none in the sources alone: they change something that the next start needs. */
const conflictOf = (settings: Settings, restart: ReadonlyArray<string>): ReadonlyArray<string> => {
  const broken = SettingConflicts.find(settings)
  return broken === undefined ? [] : [`${broken}; ${restart.join(", ")} changes at the next start only`]
}

/** `read` gives all settings as a start would, checked. */
export const make = (first: Settings, read: Effect.Effect<Settings, SettingsRefused>): Live => {
  const followers = new Set<Follower>()
  let asked = 0
  let applied = 0
  let current = first

  const replace = (next: Settings): Either.Either<Reloaded, SettingsRefused> => {
    const changed = differing("live", current, next)
    const restart = variablesOf(differing("restart", first, next))
    if (changed.length === 0) return Either.right({ changed: [], restart })
    const picked = Object.fromEntries(changed.map(([field]) => [field, next[field]])) as Partial<Settings>
    const settings = { ...current, ...picked }
    const problems = [
      ...conflictOf(settings, restart),
      ...[...followers].flatMap(({ check }) => check?.(settings) ?? [])
    ]
    if (problems.length > 0) return Either.left(new SettingsRefused({ problems }))
    current = settings
    for (const { apply } of followers) apply?.(settings)
    return Either.right({ changed: variablesOf(changed), restart })
  }

  let told: ReadonlyArray<string> = []
  /** What waits for a start is told once. */
  const tell = ({ changed, restart }: Reloaded) => {
    const isNew = !isSame(told, restart)
    told = restart
    return changed.length === 0 && !isNew
      ? Effect.void
      : Effect.annotateLogs(Effect.logInfo("settings reloaded"), { changed, restart })
  }
  const tellRefused = ({ problems }: SettingsRefused) =>
    Effect.annotateLogs(Effect.logWarning("settings refused: those before stay in effect"), { problems })

  /** Of two at once the one that began to read later counts: the other may have read what was there before. */
  const readAgain: Live["reload"] = Effect.suspend(() => {
    const turn = ++asked
    return Effect.flatMap(read, (next) => {
      if (turn < applied) return readAgain
      applied = turn
      return replace(next)
    })
  })

  return {
    get current() {
      return current
    },
    follow: (follower) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => followers.add(follower)),
          () => Effect.sync(() => followers.delete(follower))
        )
      ),
    reload: readAgain.pipe(Effect.tap(tell), Effect.tapErrorTag("SettingsRefused", tellRefused))
  }
}

/** Settings that never change. */
export const fixed = (settings: Settings): Live => ({
  current: settings,
  follow: () => Effect.void,
  reload: new SettingsFixed()
})

/** What is made of settings, made once for each of their versions. */
export const derive = <A extends object>(make: (settings: Settings) => A): ((settings: Settings) => A) => {
  const made = new WeakMap<Settings, A>()
  return (settings) => {
    const known = made.get(settings)
    if (known !== undefined) return known
    const value = make(settings)
    made.set(settings, value)
    return value
  }
}

/** How names of models are resolved. */
export const namesOf = derive(({ defaultModel, modelAliases: aliases, modelFallback: fallback }) => ({
  defaultModel,
  aliases,
  fallback
}))

/** Deadlines, names of models and what an answer is made into. */
export const chatOptionsOf = derive((settings) => ({
  ...settings,
  ...namesOf(settings),
  captureContent: settings.otelContent
}))

export class LiveSettings extends Context.Tag("lingma-gateway/config/LiveSettings")<LiveSettings, Live>() {
  /** The ones in the context, else those of `GatewayConfig`, which never change. */
  static readonly get: Effect.Effect<Live, never, GatewayConfig> = Effect.flatMap(
    Effect.serviceOption(LiveSettings),
    Option.match({ onNone: () => Effect.map(GatewayConfig, fixed), onSome: Effect.succeed })
  )
}
