/**
 * The methods `auth/*`, `login/*`, and those of the endpoint.
 */
import { randomUUID } from "node:crypto"
import { Schema } from "effect"
import * as Login from "../login/Login.ts"
import * as Account from "../world/Account.ts"
import type { World } from "../world/World.ts"
import * as Rpc from "./Rpc.ts"

const done = { success: true, errorCode: "", errorMsg: "" }
const failed = (errorMsg: string) => ({ success: false, errorCode: "LOGIN_FAILED", errorMsg })

export const make = (world: World): Rpc.Methods => ({
  "auth/status": () => Rpc.result(Login.status(world)),
  "auth/login": Rpc.method(Schema.Struct({ loginType: Rpc.Go.string, personalToken: Rpc.Go.string }), (params) => {
    if (params.personalToken !== "") {
      Login.login(world, Account.make(params.personalToken))
      return Rpc.result({ url: "", success: true })
    }
    return Rpc.result({ url: Login.generateUrl(world).loginUrl, success: true })
  }),
  "login/generateUrl": Rpc.method(Schema.Struct({ loginDedicatedType: Rpc.Go.string }), () =>
    Rpc.result({ ...Login.generateUrl(world), challengeMethod: "S256", ...done })
  ),
  "login/auth_callback": Rpc.method(
    Schema.Struct({ nonce: Rpc.Go.string, auth: Rpc.Go.string, tokenString: Rpc.Go.string }),
    (params) => {
      const wrong = Login.consume(world, params.nonce, Account.fromCallback(params.auth, params.tokenString))
      return Rpc.result(wrong === undefined ? done : failed(wrong))
    }
  ),
  "auth/device_login": Rpc.method(
    Schema.Struct({
      token: Rpc.Go.string,
      refreshToken: Rpc.Go.string,
      expiresIn: Rpc.Go.string,
      expireTime: Rpc.Go.string,
      userId: Rpc.Go.string,
      username: Rpc.Go.string
    }),
    (params) => {
      const expireTime = Number(params.expireTime)
      if (params.token === "" || params.userId === "" || !(expireTime > Date.now())) {
        return Rpc.result(failed("invalid token"))
      }
      const { token, refreshToken, userId: uid, username: name } = params
      Login.login(world, { uid, name, token, refreshToken, expireTime, userType: "personal_standard" })
      return Rpc.result(done)
    }
  ),
  "auth/refreshToken": Rpc.method(
    Schema.Struct({ securityOauthToken: Rpc.Go.string, refreshToken: Rpc.Go.string, tokenExpireTime: Schema.Unknown }),
    (params, link) => {
      const account = world.account
      if (account === undefined || params.refreshToken !== account.refreshToken) {
        return Rpc.result({ success: false, errorCode: "REFRESH_FAILED", errorMessage: "invalid refresh token" })
      }
      const { token, refreshToken, expireTime } = Account.make(account.name)
      world.account = { ...account, token, refreshToken, expireTime }
      world.workDir.writeAccount(world.account)
      return Rpc.result(
        {
          errorCode: "",
          errorMessage: "",
          success: true,
          uid: account.uid,
          name: account.name,
          tokenExpireTime: expireTime
        },
        () => link.notify("auth/syncTokenUpdate", { status: 0, token, refreshToken, expireTime, id: account.uid })
      )
    }
  ),
  "auth/logout": () => {
    Login.logout(world)
    return Rpc.result({ success: true })
  },
  "auth/stop_polling": () => Rpc.result({ success: true }),
  "auth/syncUserInfo": () => Rpc.result(Login.status(world)),
  "auth/grantInfos": () => Rpc.result({}),
  "auth/grantInfosWrap": () => Rpc.result({}),
  "auth/profile/getUrl": () => {
    const state = randomUUID().replaceAll("-", "")
    world.profiles.add(state)
    return Rpc.result({ url: `http://127.0.0.1:${world.httpPort}/profile?theme=light&state=${state}` })
  },
  "config/getEndpoint": () => Rpc.result({ endpoint: world.endpoint }),
  "config/updateEndpoint": Rpc.method(Schema.Struct({ endpoint: Rpc.Go.string }), ({ endpoint }) => {
    if (endpoint !== "" && !/^https?:\/\/[^\s/]+/.test(endpoint)) return Rpc.failure(`invalid endpoint: ${endpoint}`)
    world.endpoint = endpoint
    return Rpc.result({ success: true })
  })
})
