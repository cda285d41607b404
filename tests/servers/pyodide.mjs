// Runs what a bot in a Worker does in Pyodide, over bindings of JavaScript, and prints what came out.
//
//     node pyodide.mjs FOLDER PACKAGE PROGRAM
//
// FOLDER is where pyodide and miniflare are installed, PACKAGE the folder of the package, PROGRAM
// the path of what is run: a Python module with `run` and `failing`.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, home, program] = process.argv.slice(2)
const require = createRequire(join(folder, 'package.json'))
const { loadPyodide } = await import(pathToFileURL(require.resolve('pyodide/pyodide.mjs')))
const { Miniflare } = require('miniflare')

// A binding that knows what every Worker knows, and of each key nothing but the text of it.
class Plain {
  #kept = new Map()

  async getWithMetadata (name) {
    const found = this.#kept.get(String(name))
    if (!found) return { value: null, metadata: null, cacheStatus: null }
    return { value: found.value, metadata: JSON.parse(found.metadata), cacheStatus: null }
  }

  async get (name) {
    return (await this.getWithMetadata(name)).value
  }

  async put (name, value, { metadata, expirationTtl, ...others } = {}) {
    if (typeof value !== 'string' || Object.keys(others).length) throw new TypeError('no text')
    this.#kept.set(name, { value, metadata: JSON.stringify(metadata ?? null), expirationTtl })
  }

  async delete (name) {
    this.#kept.delete(name)
  }

  async list ({ prefix = '', limit = 1000, cursor = '' } = {}) {
    const all = [...this.#kept.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const left = all.filter(name => name.startsWith(prefix) && name > cursor)
    const keys = left.slice(0, limit).map(name => {
      const { metadata, expirationTtl } = this.#kept.get(name)
      const told = { name }
      if (metadata !== 'null') told.metadata = JSON.parse(metadata)
      if (expirationTtl) told.expiration = Math.floor(Date.now() / 1000) + expirationTtl
      return told
    })
    const complete = left.length <= limit
    const more = complete ? {} : { cursor: keys.at(-1).name }
    return { keys, list_complete: complete, ...more, cacheStatus: null }
  }
}

// The methods of a binding, and how often each was called.
function counted (binding, calls) {
  const methods = ['get', 'getWithMetadata', 'put', 'delete', 'list']
  return Object.fromEntries(methods.map(name => [name, (...args) => {
    const what = Array.isArray(args[0]) ? `${name} of several` : name
    calls[what] = (calls[what] ?? 0) + 1
    return binding[name](...args)
  }]))
}

function failing (text, times) {
  const binding = new Plain()
  const put = binding.put.bind(binding)
  binding.put = async (...args) => {
    if (times-- <= 0) return put(...args)
    if (text === undefined) return new Promise(() => {})
    throw new Error(text)
  }
  return binding
}

const engine = new Miniflare({
  modules: true,
  script: 'export default { fetch () { return new Response() } }',
  compatibilityDate: '2025-06-01',
  kvNamespaces: ['KV'],
  host: '127.0.0.1',
  cf: false
})
try {
  const pyodide = await loadPyodide()
  const name = basename(home)
  pyodide.FS.mkdirTree(`/inside/${name}`)
  pyodide.mountNodeFS(`/inside/${name}`, home)
  pyodide.FS.writeFile('/inside/program.py', readFileSync(program))
  const outcome = {}
  for (const [name, binding] of [['engine', await engine.getKVNamespace('KV')], ['plain', new Plain()]]) {
    const calls = {}
    globalThis.KV = counted(binding, calls)
    outcome[name] = JSON.parse(await python(pyodide, 'await program.run(storage.aio, js.KV)'))
    outcome[`${name} calls`] = calls
  }
  globalThis.failing = failing
  outcome.failing = JSON.parse(await python(pyodide, 'await program.failing(storage.aio, js.failing)'))
  console.log(JSON.stringify(outcome))
} finally {
  await engine.dispose()
}

async function python (pyodide, call) {
  try {
    return await pyodide.runPythonAsync(
      `import sys\nsys.path.insert(0, '/inside')\nimport js, program, storage.aio\n${call}`
    )
  } catch (error) {
    throw new Error(error.message, { cause: error.type })
  }
}
