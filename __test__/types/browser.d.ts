// What the declarations of the AI SDK take for granted of a browser, whose library this package is not compiled with.
type HeadersInit = NonNullable<ConstructorParameters<typeof Headers>[0]>
type RequestCredentials = 'include' | 'omit' | 'same-origin'
interface FileList extends Iterable<File> {
  readonly length: number
}
interface MediaStream extends EventTarget {
  readonly id: string
}
