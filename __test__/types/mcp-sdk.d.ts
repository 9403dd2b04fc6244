// The one type that the declarations of @openai/codex-sdk take from a package which that does not depend on, so that
// it is `any`, or an error, for its users. Here as @modelcontextprotocol/sdk 1.32 declares it.
declare module '@modelcontextprotocol/sdk/types.js' {
  interface Common {
    annotations?:
      | {
          audience?: ('user' | 'assistant')[] | undefined
          priority?: number | undefined
          lastModified?: string | undefined
        }
      | undefined
    _meta?: { [key: string]: unknown } | undefined
  }
  type Resource = {
    uri: string
    mimeType?: string | undefined
    _meta?: { [key: string]: unknown } | undefined
  }

  export type ContentBlock =
    | (Common & { type: 'text'; text: string })
    | (Common & { type: 'image'; data: string; mimeType: string })
    | (Common & { type: 'audio'; data: string; mimeType: string })
    | (Common & { type: 'resource'; resource: Resource & ({ text: string } | { blob: string }) })
    | (Common & {
        type: 'resource_link'
        uri: string
        name: string
        title?: string | undefined
        description?: string | undefined
        mimeType?: string | undefined
        size?: number | undefined
        icons?:
          | {
              src: string
              mimeType?: string | undefined
              sizes?: string[] | undefined
              theme?: 'light' | 'dark' | undefined
            }[]
          | undefined
      })
}
