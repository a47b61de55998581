// Preloaded into the suite's origin server: listen on 127.0.0.1 only, and end when the
// process that started it has ended (it holds the other end of stdin).
'use strict'
const net = require('net')

const listen = net.Server.prototype.listen
net.Server.prototype.listen = function (port) {
  return listen.call(this, { port: Number(port), host: '127.0.0.1' })
}
process.stdin.on('end', () => process.exit()).resume()
