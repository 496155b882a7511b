/**
 * The top of the page: its name, the way to its parts, language, theme, and whether it is live.
 */
import * as Live from "../state/Live.ts"
import { hasKey, phase, signOut } from "../state/Session.ts"
import { isLanguage, language, languages, theme, themes, words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Choice } from "../ui/Field.tsx"

const parts = ["accounts", "keys", "now", "requests", "plots", "connect"] as const

const Switches = () => {
  const { language: languageLabel, signOut: signOutLabel, theme: text } = words.value
  return (
    <div class="switches">
      <Choice
        label={languageLabel}
        isBare
        value={language.value}
        options={Object.entries(languages).flatMap(([id, name]) => (isLanguage(id) ? [[id, name] as const] : []))}
        onChange={(chosen) => {
          language.value = chosen
        }}
      />
      <Choice
        label={text.label}
        isBare
        value={theme.value}
        options={themes.map((one) => [one, text[one]] as const)}
        onChange={(chosen) => {
          theme.value = chosen
        }}
      />
      {phase.value === "open" && hasKey.value ? (
        <Button kind="quiet" onPress={() => signOut()}>
          {signOutLabel}
        </Button>
      ) : null}
    </div>
  )
}

const Light = () => {
  const { link } = words.value
  const { state } = Live.link.value
  const text = state === "live" ? link.live : state === "connecting" ? link.connecting : link.lost(0)
  return <span class={`light ${state}`} title={text} role="img" aria-label={text} />
}

export const Head = () => {
  const text = words.value
  const version = Live.overview.value?.version
  return (
    <header class="top">
      <div class="row">
        <div class="name">
          {phase.value === "open" ? <Light /> : null}
          <h1>{text.title}</h1>
          {version === undefined ? null : <span class="quiet">{version}</span>}
        </div>
        <Switches />
      </div>
      {phase.value === "open" ? (
        <nav aria-label={text.parts}>
          <ul>
            {parts.map((part) => (
              <li key={part}>
                <a href={`#${part}`}>{text[part].title}</a>
              </li>
            ))}
          </ul>
        </nav>
      ) : null}
    </header>
  )
}
