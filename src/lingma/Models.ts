/**
 * Converts the result of `config/queryModels` to models.
 */
import { Option, Schema } from "effect"
import type { Model } from "../domain/Model.ts"
import { LingmaModel } from "./rpc/Protocol.ts"

const decodeItem = Schema.decodeUnknownOption(LingmaModel)

const first = (...values: ReadonlyArray<string | null | undefined>): string | undefined =>
  values.map((value) => value?.trim()).find((value) => value !== undefined && value !== "")

const toModel = (scene: string, item: LingmaModel): Option.Option<Model> => {
  const key = first(item.key, item.modelId, item.id)
  if (key === undefined || item.enable === false) return Option.none()
  const contextLength = item.max_input_tokens ?? item.maxInputTokens ?? 0
  const maxOutputTokens = item.max_output_tokens ?? item.maxOutputTokens ?? 0
  return Option.some({
    key,
    name: first(item.displayName, item.name, item.label, item.title) ?? key,
    scene,
    isDefault: item.isDefault ?? false,
    ...(item.isReasoning == null ? {} : { reasoning: item.isReasoning }),
    ...(item.isVl == null ? {} : { vision: item.isVl }),
    ...(contextLength > 0 ? { contextLength } : {}),
    ...(maxOutputTokens > 0 ? { maxOutputTokens } : {})
  })
}

/** Scene by scene, chat and assistant first; invalid items are skipped. */
export const fromScenes = (scenes: Readonly<Record<string, unknown>> | null): ReadonlyArray<Model> => {
  const rank = (scene: string) => ["chat", "assistant"].indexOf(scene) >>> 0
  return Object.entries(scenes ?? {})
    .sort(([left], [right]) => rank(left) - rank(right))
    .flatMap(([scene, list]) =>
      (Array.isArray(list) ? list : []).flatMap((item) =>
        Option.toArray(Option.flatMap(decodeItem(item), (model) => toModel(scene, model)))
      )
    )
}
