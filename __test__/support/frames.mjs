// Frames of a websocket, by hand: what passes is looked at, and what no server sends is made.

/** @typedef {{ fin: boolean, opcode: number, length: number, masked: boolean, payload: Buffer }} Frame */

/** Reads one direction of a websocket. */
export class FrameParser {
  /** @type {Buffer[]} */
  #parts = []
  #size = 0
  #upgraded = false
  /** @type {Buffer[]} */
  #fragments = []
  #fragmented = 0

  /** @param {(head: string) => void} head @param {(frame: Frame) => void} frame @param {(message: any) => void} message */
  constructor(head, frame, message) {
    this.head = head
    this.frame = frame
    this.message = message
  }

  /** @param {Buffer} chunk */
  push(chunk) {
    this.#parts.push(chunk)
    this.#size += chunk.length
    if (!this.#upgraded) {
      const bytes = this.#peek(this.#size)
      const end = bytes.indexOf('\r\n\r\n')
      if (end === -1) return
      this.head(this.#take(end + 4).toString('latin1'))
      this.#upgraded = true
    }
    while (this.#next());
  }

  #next() {
    if (this.#size < 2) return false
    const first = this.#peek(Math.min(this.#size, 14))
    const masked = (Number(first[1]) & 0x80) !== 0
    const short = Number(first[1]) & 0x7f
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0
    const header = 2 + extra + (masked ? 4 : 0)
    if (first.length < header) return false
    const length =
      extra === 0 ? short : extra === 2 ? first.readUInt16BE(2) : Number(first.readBigUInt64BE(2))
    if (this.#size < header + length) return false
    const mask = masked ? Buffer.from(first.subarray(header - 4, header)) : undefined
    this.#take(header)
    const payload = this.#take(length)
    const opcode = Number(first[0]) & 0x0f
    const fin = (Number(first[0]) & 0x80) !== 0
    this.frame({
      fin,
      opcode,
      length,
      masked,
      payload: length < 126 ? unmask(payload, mask) : Buffer.alloc(0),
    })
    if (opcode > 2) return true
    this.#fragmented += length
    // What is very long is counted, not read.
    if (this.#fragmented < 1024 * 1024) this.#fragments.push(unmask(payload, mask))
    if (fin) {
      if (this.#fragmented < 1024 * 1024) {
        const text = Buffer.concat(this.#fragments).toString()
        if (text.startsWith('{')) this.message(JSON.parse(text))
      }
      this.#fragments = []
      this.#fragmented = 0
    }
    return true
  }

  /** @param {number} count */
  #peek(count) {
    let bytes = this.#parts[0] ?? Buffer.alloc(0)
    if (bytes.length < count) {
      bytes = Buffer.concat(this.#parts)
      this.#parts = [bytes]
    }
    return bytes.subarray(0, count)
  }

  /** @param {number} count */
  #take(count) {
    const bytes = this.#peek(count)
    const rest = /** @type {Buffer} */ (this.#parts[0] ?? Buffer.alloc(0)).subarray(count)
    if (rest.length > 0) this.#parts[0] = rest
    else this.#parts.shift()
    this.#size -= count
    return bytes
  }
}

/** @param {Buffer} payload @param {Buffer | undefined} mask */
function unmask(payload, mask) {
  if (mask === undefined) return Buffer.from(payload)
  return Buffer.from(payload.map((byte, at) => byte ^ Number(mask[at % 4])))
}

/** A frame as a server sends it. @param {number} opcode @param {Buffer | string} payload @param {boolean} [fin] */
export function serverFrame(opcode, payload, fin = true) {
  const body = Buffer.from(payload)
  const first = (fin ? 0x80 : 0) | opcode
  if (body.length < 126) return Buffer.concat([Buffer.from([first, body.length]), body])
  const header = Buffer.alloc(10)
  header[0] = first
  header[1] = 127
  header.writeBigUInt64BE(BigInt(body.length), 2)
  return Buffer.concat([header, body])
}
