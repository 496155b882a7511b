/**
 * The form for the admin key.
 */
import { useState } from "preact/hooks"
import { phase, refusal, signIn } from "../state/Session.ts"
import { words } from "../state/Settings.ts"
import { Field } from "../ui/Field.tsx"

export const SignIn = () => {
  const [key, setKey] = useState("")
  const [isBusy, setBusy] = useState(false)
  const { loading, signIn: text } = words.value
  const why = refusal.value
  if (phase.value === "starting")
    return (
      <p class="waiting" role="status">
        {why === null ? loading : text.unreachable}
      </p>
    )
  const submit = async () => {
    setBusy(true)
    await signIn(key.trim())
    setBusy(false)
  }
  return (
    <form
      class="sign-in"
      aria-labelledby="sign-in-title"
      onSubmit={(event) => {
        event.preventDefault()
        if (!isBusy && key.trim() !== "") void submit()
      }}
    >
      <h2 id="sign-in-title">{text.title}</h2>
      <p>{text.help}</p>
      <Field label={text.key} type="password" value={key} onInput={setKey} isRequired hasFocus />
      <div role="alert">{why === null ? null : <p class="notice bad">{text[why]}</p>}</div>
      <button class="button primary" type="submit" aria-busy={isBusy}>
        {text.button}
      </button>
    </form>
  )
}
