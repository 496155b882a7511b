/**
 * The models in Ollama's shape. Pure.
 */
import { createHash } from "node:crypto"
import type * as Model from "../../domain/Model.ts"
import type { Shown, Tags } from "./Api.ts"

/** The oldest that the known clients take: VS Code wants 0.6.4, Codex 0.13.4. */
export const VERSION = "0.13.4"

// Stable between calls: nothing tells when a model came to be.
const MODIFIED = "2024-01-01T00:00:00Z"

/** Clients take a window that is absent for 4096 tokens, of which VS Code leaves none for a prompt. */
const DEFAULT_WINDOW = 131_072

const FAMILY = "lingma"

const details = {
  parent_model: "",
  format: "",
  family: FAMILY,
  families: [FAMILY],
  parameter_size: "",
  quantization_level: ""
}

export const toTags = (models: ReadonlyArray<Model.Named>): typeof Tags.Encoded => ({
  models: models.map(({ id }) => ({
    name: id,
    model: id,
    modified_at: MODIFIED,
    size: 0,
    digest: createHash("sha256").update(id).digest("hex"),
    details
  }))
})

export const toShown = ({ model, name }: Model.Named): typeof Shown.Encoded => {
  const window = model?.contextLength ?? DEFAULT_WINDOW
  return {
    license: "",
    modelfile: "",
    // Continue reads the window from here, VS Code and Zed from `model_info`.
    parameters: `num_ctx ${window}`,
    template: "{{ .Prompt }}",
    details,
    model_info: {
      "general.architecture": FAMILY,
      "general.basename": name,
      [`${FAMILY}.context_length`]: window
    },
    capabilities: [
      "completion",
      "tools",
      ...(model?.vision === true ? (["vision"] as const) : []),
      ...(model?.reasoning === true ? (["thinking"] as const) : [])
    ],
    modified_at: MODIFIED
  }
}
