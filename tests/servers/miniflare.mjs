// Runs the local engine of Cloudflare's KV, and writes into a file where it listens.
//
//     node miniflare.mjs FOLDER FILE WORKER SETTINGS
//
// FOLDER is where the engine is installed, WORKER the path of the Worker in front of it, SETTINGS
// what the Worker knows, in JSON. It ends with SIGTERM, and with the process that started it.

import { renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const [folder, file, worker, settings] = process.argv.slice(2)
const { Miniflare } = createRequire(join(folder, 'package.json'))('miniflare')
const parent = process.ppid

const engine = new Miniflare({
  modules: true,
  modulesRules: [{ type: 'ESModule', include: ['**/*.mjs'] }],
  scriptPath: worker,
  compatibilityDate: '2025-06-01',
  kvNamespaces: ['KV'],
  bindings: JSON.parse(settings),
  host: '127.0.0.1',
  port: 0,
  cf: false,
  unsafeLocalExplorer: false
})

async function end () {
  clearInterval(watch)
  await engine.dispose()
  process.exit(0)
}

const watch = setInterval(() => process.ppid === parent || end(), 500)
process.on('SIGTERM', end)

const url = await engine.ready
writeFileSync(`${file}.new`, url.href)
renameSync(`${file}.new`, file)
