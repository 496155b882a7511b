/**
 * Gateways that share a database, in Chinese.
 */
import type { Words } from "../en.ts"

export const hosts = {
  hosts: {
    title: "主机",
    host: "主机",
    here: "本页",
    state: "状态",
    states: { ready: "就绪", unready: "未就绪", away: "无消息" },
    inFlight: "进行中",
    accounts: "账号",
    version: "版本",
    seen: "最近消息",
    ago: (time) => `${time}前`,
    warnings: {
      database_away: () => "数据库没有响应：所示为此前的情况，各主机仍在继续服务。",
      host_away: (names) => `${names} 没有消息：请启动它，或检查它能否连接数据库。`,
      account_twice: (names) => `同一个账号在 ${names} 上：它们会互相登出，请只保留在其中一台。`,
      settings_differ: (names) => `${names} 的设置不同：请在这些主机上比较 lingma-gateway config show 的输出。`,
      version_differs: (names) => `${names} 的版本不同：请全部更新到最新版本。`
    }
  }
} satisfies Partial<Words>
