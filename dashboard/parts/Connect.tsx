/**
 * Set-ups of clients, as `docs/clients.md` has them, with this gateway's address and a key.
 */
import { useState } from "preact/hooks"
import setUps from "../../docs/clients.md"
import { base } from "../api/Http.ts"
import { type Block, filled } from "../connect/SetUps.ts"
import * as Keys from "../state/Keys.ts"
import { currentKey, hasKey } from "../state/Session.ts"
import { words } from "../state/Settings.ts"
import { Copy } from "../ui/Copy.tsx"
import { Choice } from "../ui/Field.tsx"
import { Scrolled } from "../ui/Scrolled.tsx"
import { Section } from "../ui/Section.tsx"

const address = base.href.replace(/\/$/, "")
/** No name of a key begins so. */
const OWN = ":own"
const ANY = ":any"

/** Keys with a name, those first whose secrets are known here. */
const MOST = 100

const useChoice = () => {
  const { connect: text } = words.value
  const [chosen, setChosen] = useState<string>()
  const secrets = Keys.secrets.value
  const names = (Keys.keys.value ?? []).map(({ name }) => name)
  const known = [...secrets.keys()]
  const options = [
    ...known.map((name) => [name, name] as const),
    ...(hasKey.value ? [[OWN, text.own] as const] : []),
    ...(names.length === 0 && !hasKey.value ? [[ANY, text.anyKey] as const] : []),
    ...names
      .filter((name) => !secrets.has(name))
      .slice(0, MOST)
      .map((name) => [name, name] as const)
  ]
  const value = options.some(([one]) => one === chosen) ? (chosen ?? "") : (options[0]?.[0] ?? ANY)
  const secret = value === OWN ? currentKey() : value === ANY ? "any-key" : secrets.get(value)
  return { options, value, setChosen, key: secret ?? text.placeholder(value), isKnown: secret !== undefined }
}

const Lines = ({
  block,
  client,
  value
}: {
  readonly block: Block
  readonly client: string
  readonly value: string
}) => {
  const { connect: text } = words.value
  return (
    <div class="block">
      <div class="row">
        <span class="quiet">{block.file === null ? text.commands : block.file}</span>
        <Copy text={value} what={`${client}, ${block.file ?? text.commands}`} />
      </div>
      <Scrolled label={`${client}, ${block.file ?? text.commands}`}>
        <pre>
          <code>{value}</code>
        </pre>
      </Scrolled>
    </div>
  )
}

export const Connect = () => {
  const { connect: text } = words.value
  const [client, setClient] = useState(setUps[0]?.client ?? "")
  const { isKnown, key, options, setChosen, value } = useChoice()
  const blocks = setUps.find((one) => one.client === client)?.blocks ?? []
  return (
    <Section id="connect" title={text.title}>
      <div class="filters">
        <Choice
          label={text.client}
          value={client}
          options={setUps.map((one) => [one.client, one.client] as const)}
          onChange={setClient}
        />
        <Choice label={text.key} value={value} options={options} onChange={setChosen} />
      </div>
      {isKnown ? null : <p class="quiet">{text.note(value)}</p>}
      {blocks.map((block, i) => (
        <Lines key={`${client}${i}`} block={block} client={client} value={filled(block.text, address, key)} />
      ))}
    </Section>
  )
}
