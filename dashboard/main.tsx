/**
 * The page's entry.
 */
import { render } from "preact"
import { App } from "./App.tsx"
import { begin } from "./state/Session.ts"

const root = document.getElementById("app")
if (root !== null) render(<App />, root)
void begin()
