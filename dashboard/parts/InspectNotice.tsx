/**
 * That requests are looked into, in red as long as they are, and the button that ends it.
 */
import type { InspectState } from "../api/Types.ts"
import { clock } from "../format/Times.ts"
import { now } from "../state/Clock.ts"
import * as Inspect from "../state/Inspect.ts"
import { locale, words } from "../state/Settings.ts"
import { Button } from "../ui/Button.tsx"

export const InspectNotice = ({ state: { by, key, mode, until } }: { readonly state: InspectState }) => {
  const { inspect: text } = words.value
  return (
    <div role="status">
      {mode === "off" ? null : (
        <div class="notice bad inspecting">
          <p>
            {text.on(text.modes[mode], by)} {key === null ? null : `${text.ofKey(key)} `}
            {until === null ? null : text.until(clock(until, now.value, locale.value))}
          </p>
          <Button kind="danger" onPress={Inspect.switchOff}>
            {text.off}
          </Button>
        </div>
      )}
    </div>
  )
}
