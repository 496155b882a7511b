/**
 * Reads the settings again, for administrators.
 */
import { Effect } from "effect"
import type { Live } from "../../../config/LiveSettings.ts"
import { failure } from "../../dialects/openai/OpenAiFailure.ts"

/** Names settings, the file and its lines, never a value. */
const refused = (problems: string) =>
  failure(422, `The settings are refused, and those before stay: ${problems}`, { code: "settings_refused" })

const fixed = failure(501, "The settings of this gateway come from a program, not from a file", {
  code: "settings_fixed"
})

export const reload = ({ reload }: Live) =>
  reload.pipe(
    Effect.map((reloaded) => ({ ok: true as const, ...reloaded })),
    Effect.catchTags({ SettingsRefused: ({ message }) => refused(message), SettingsFixed: () => fixed })
  )
