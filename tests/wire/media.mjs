// The other side's media cache: what the documents of GramIO's plugin say that it does, written anew.
//
//   node media.mjs PORT
//
// Each line of the input is a request, a JSON object; each line of the output is the answer to it.
// A file is told by its name and, in hexadecimal digits, its content.

import { createHash } from 'node:crypto'
import { createInterface } from 'node:readline'
import { Wire } from './wire.mjs'

const wire = new Wire(Number(process.argv[2]))

const keyOf = async file => createHash('md5')
  .update(file.name + file.size + await file.text())
  .digest('hex')

const methods = {
  // The key of a file.
  key: file => keyOf(file),

  // What the plugin finds before a file is sent.
  async find (file) {
    const text = await wire.call('GET', await keyOf(file))
    return text ? JSON.parse(text) : null
  },

  // What it would store after that, if its hook ran for what is not cached yet.
  async store (file, id) {
    await wire.call('SET', await keyOf(file), JSON.stringify(id))
    return null
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { method, name, content, id } = JSON.parse(line)
  const file = new File([Buffer.from(content, 'hex')], name)
  console.log(JSON.stringify({ answer: await methods[method](file, id) }))
}
wire.socket.end()
