// A connection to a server, for the programs in JavaScript that stand beside a store of ours.

import { connect } from 'node:net'

export class Wire {
  constructor (port) {
    this.waiting = []
    this.data = Buffer.alloc(0)
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (some) => {
      this.data = Buffer.concat([this.data, some])
      for (let found; (found = reply(this.data, 0)); this.data = this.data.subarray(found.end)) {
        this.waiting.shift()(found.value)
      }
    })
  }

  call (...words) {
    const parts = words.map(word => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
    this.socket.write(`*${words.length}\r\n${parts.join('')}`)
    return new Promise((resolve, reject) => {
      this.waiting.push(value => value instanceof Error ? reject(value) : resolve(value))
    })
  }
}

function reply (data, start) {
  const line = data.indexOf('\r\n', start)
  if (line < 0) return undefined
  const rest = data.toString('utf8', start + 1, line)
  const kind = String.fromCharCode(data[start])
  let end = line + 2
  if (kind === ':') return { value: Number(rest), end }
  if (kind === '-') return { value: new Error(rest), end }
  if (kind === '+') return { value: rest, end }
  const size = Number(rest)
  if (kind === '$') {
    if (size < 0) return { value: null, end }
    if (data.length < end + size + 2) return undefined
    return { value: data.toString('utf8', end, end + size), end: end + size + 2 }
  }
  const parts = []
  for (let index = 0; index < size; index++) {
    const part = reply(data, end)
    if (part === undefined) return undefined
    parts.push(part.value)
    end = part.end
  }
  return { value: parts, end }
}
