/**
 * Signing an account in: the buttons, how far it is, the address to sign in at, and the field for the one it ends at.
 */
import { useState } from "preact/hooks"
import type { Instance } from "../api/Types.ts"
import { finishSignIn, loginUrls, safeUrl, signInInstance } from "../state/Actions.ts"
import { trying } from "../state/Announce.ts"
import { words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"
import { Copy } from "../ui/Copy.tsx"
import { Field } from "../ui/Field.tsx"

const ByHand = ({ instance, url }: { readonly instance: string; readonly url: string | undefined }) => {
  const { accounts: text } = words.value
  const [address, setAddress] = useState("")
  const finish = () =>
    trying(async () => {
      await finishSignIn(instance, address.trim())
      setAddress("")
    })
  return (
    <>
      {url === undefined ? null : (
        <p class="actions">
          <a class="button primary" href={url} target="_blank" rel="noopener noreferrer">
            {text.openPage}
          </a>
          <Copy text={url} what={text.openPage} />
        </p>
      )}
      <form
        class="inline"
        onSubmit={(event) => {
          event.preventDefault()
          void finish()
        }}
      >
        <Field
          label={text.address}
          help={text.addressHelp}
          type="url"
          value={address}
          onInput={setAddress}
          isRequired
        />
        <button class="button" type="submit">
          {text.finish}
        </button>
      </form>
    </>
  )
}

export const LoginSteps = ({ instance }: { readonly instance: Instance }) => {
  const { accounts: text, login } = words.value
  const { name, state } = instance
  if (instance.login === null) return null
  const isPersons = instance.login === "waiting_for_person"
  const isRunning = instance.login === "running"
  const isOut = state === "signed_out" || isRunning || isPersons || instance.login.startsWith("login_failed:")
  if (!isOut) return null
  const progress = instance.login === "idle" ? undefined : (login[instance.login] ?? instance.login)
  return (
    <div class="login">
      <p role="status" class={instance.login.startsWith("login_failed:") ? "bad" : undefined}>
        {progress}
      </p>
      {isPersons ? (
        <ByHand instance={name} url={safeUrl(instance.login_url ?? loginUrls.value.get(name))} />
      ) : (
        <p class="actions">
          {isRunning ? null : (
            <Button kind="primary" onPress={() => signInInstance(name)} label={`${text.signIn}: ${name}`}>
              {text.signIn}
            </Button>
          )}
          <Button onPress={() => signInInstance(name, true)} label={`${text.byHand}: ${name}`}>
            {text.byHand}
          </Button>
        </p>
      )}
    </div>
  )
}
