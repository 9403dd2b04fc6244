// useChat checks messages with Zod, which would compile its checks: the policy of this page lets nothing do that.
import { config } from 'zod'

config({ jitless: true })
