// Run the suite's own tests with the suite's own client and judge, over one of three routes.
//
//     node suite.mjs '{"package": DIR, "output": FILE}'             writes all definitions
//     node suite.mjs '{… "base": URL, "route": "connect", "proxy": PORT, "chunk": 50}'
//
// Routes: "direct" (to base, which is a reverse proxy), "absolute" and "connect" (to the
// forward proxy on 127.0.0.1:PORT).  The client knows no proxy setting, so they are agents.
// "only": [ID] runs these and what they depend on; with "trace" client and server print all
// that they say.

import { writeFileSync } from 'fs'
import http from 'http'
import { createRequire } from 'module'
import { join } from 'path'
import { pathToFileURL } from 'url'

const PROXY_HOST = '127.0.0.1'
const TIMEOUT_MS = 20_000
const VERDICTS = {
  '-': 'untested',
  '✅': 'pass',
  '⛔️': 'fail',
  '⚠️': 'optional_fail',
  Y: 'yes',
  N: 'no',
  '🔹': 'setup_fail',
  '⁉️': 'harness_fail',
  '⚪️': 'dependency_fail',
  '↻': 'retry'
}

const todo = JSON.parse(process.argv[2])
const load = name => import(pathToFileURL(join(todo.package, name)))

class AbsoluteForm extends http.Agent {
  addRequest (request, options) {
    request.path = `http://${options.host}:${options.port}${request.path}`
    super.addRequest(request, { ...options, host: PROXY_HOST, port: todo.proxy })
  }
}

class Tunnel extends http.Agent {
  createConnection ({ host, port }, done) {
    http.request({
      host: PROXY_HOST, port: todo.proxy, method: 'CONNECT', path: `${host}:${port}`, agent: false
    }).once('connect', (response, socket) => {
      if (response.statusCode === 200) return done(null, socket)
      socket.destroy()
      done(new Error(`CONNECT was answered ${response.statusCode}`))
    }).once('error', done).end()
  }
}

const ROUTES = { direct: () => undefined, absolute: () => new AbsoluteForm(), connect: () => new Tunnel() }

async function readSuites () {
  const suites = (await load('tests/index.mjs')).default
  for (const suite of suites) suite.tests = suite.tests.filter(test => test.browser_only !== true)
  return suites
}

function withDependencies (ids, tests) {
  const wanted = new Set(ids)
  for (const id of wanted) { // a Set goes on with what is added on the way
    for (const other of tests.find(test => test.id === id)?.depends_on ?? []) wanted.add(other)
  }
  return wanted
}

async function run (suites) {
  const { runTests, getResults } = await load('client/runner.mjs')
  const { determineTestResult } = await load('lib/display.mjs')
  const fetch = createRequire(join(todo.package, 'cli.mjs'))('node-fetch')
  const counts = { sent: 0, answered: 0 }
  const agent = ROUTES[todo.route]()
  const counted = async (url, init) => {
    counts.sent++
    const response = await fetch(url, { ...init, agent, timeout: TIMEOUT_MS })
    counts.answered++
    return response
  }
  const all = suites.flatMap(suite => suite.tests)
  const wanted = withDependencies(todo.only ?? all.map(test => test.id), all)
  const chosen = suites.map(suite => ({ ...suite, tests: suite.tests.filter(test => wanted.has(test.id)) }))
  if (todo.trace) for (const test of all) test.dump = todo.only.includes(test.id)
  await runTests(chosen, counted, false, todo.base, todo.chunk)
  const found = getResults()
  const outcomes = chosen.flatMap(suite => suite.tests.map(test => ({
    id: test.id,
    suite: suite.id,
    kind: test.kind ?? 'required',
    name: test.name,
    depends_on: test.depends_on ?? [],
    verdict: VERDICTS[determineTestResult(suites, test.id, found)[2]],
    detail: found[test.id] === true ? null : found[test.id].join(': ')
  })))
  return { ...counts, outcomes }
}

const suites = await readSuites()
writeFileSync(todo.output, JSON.stringify(todo.route ? await run(suites) : suites, null, 1))
